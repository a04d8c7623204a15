package unseal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/client"
)

// KeyService is what the controllers need of the key service;
// *[client.Client] is one.
type KeyService interface {
	// Unseal asks for the stubs with these digests, at most
	// [protocol.MaxDigests], at the head that the caller works at.
	Unseal(ctx context.Context, revision string, digests []string) (*client.Answers, error)
	// Renew gets a fresh certificate for the same key.
	Renew(ctx context.Context) (*client.Credentials, error)
}

// Dialer makes the connection to a key service. Answers that log does not bear
// out are a *[client.LogError].
type Dialer func(url string, certificate tls.Certificate, ca *x509.Certificate, log *client.Log) KeyService

// Dial is the Dialer of the product.
func Dial(url string, certificate tls.Certificate, ca *x509.Certificate, log *client.Log) KeyService {
	return client.New(url, certificate, ca, log)
}

// Link is the connection to the key service, made by FleetSync once the cluster
// is enrolled and used by the unsealer. The zero value has none.
type Link struct {
	mu      sync.Mutex
	url     string
	serial  string
	service KeyService
	refused string // the serial that the service did not take
	heads   func(a, b string) bool
	// before is the service of the connection that was replaced, for its time.
	before KeyService
	// listeners are told of each answer.
	listeners []func()
	// replaced is closed when the service is another; nil before anybody asked.
	replaced chan struct{}
}

// NewLink is one that is made already, as tests have it.
func NewLink(service KeyService) *Link { return &Link{service: service} }

// OnAnswer registers who is told that the service answered. It must not block.
func (l *Link) OnAnswer(listen func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listeners = append(l.listeners, listen)
}

// Answered tells that the service answered, whatever it said.
func (l *Link) Answered() {
	l.mu.Lock()
	listeners := slices.Clone(l.listeners)
	l.mu.Unlock()
	for _, listen := range listeners {
		listen()
	}
}

// Connect replaces the connection when the URL or the certificate is another.
func (l *Link) Connect(dial Dialer, url string, identity *Identity, log *client.Log) KeyService {
	l.mu.Lock()
	defer l.mu.Unlock()
	serial := identity.certificate.SerialNumber.String()
	if l.service == nil || l.url != url || l.serial != serial {
		if old, ok := l.service.(interface{ Close() }); ok {
			old.Close()
		}
		l.before = l.service
		l.url, l.serial = url, serial
		l.replace(dial(url, identity.TLSCertificate(), identity.ca, log))
	}
	return l.service
}

// Replace has another service in use, as tests do.
func (l *Link) Replace(by KeyService) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replace(by)
}

// replace tells who holds the one before. l.mu is held.
func (l *Link) replace(by KeyService) {
	l.service = by
	if l.replaced != nil {
		close(l.replaced)
		l.replaced = nil
	}
}

// refuse takes note that the service does not take the certificate in use, whatever
// its life is reckoned to be: the next pass renews it.
func (l *Link) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = l.serial
}

// Refused says whether the service did not take this certificate.
func (l *Link) Refused(identity *Identity) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused != "" && l.refused == identity.certificate.SerialNumber.String()
}

// ServiceTime is what the key service's clock shows at least; ok is false while nobody
// knows.
func (l *Link) ServiceTime() (at time.Time, ok bool) {
	l.mu.Lock()
	now, before := l.service, l.before
	l.mu.Unlock()
	for _, service := range []KeyService{now, before} {
		if clocked, is := service.(interface{ ServiceTime() (time.Time, bool) }); is {
			if at, ok = clocked.ServiceTime(); ok {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// Current gives the connection; nil until enrolled.
func (l *Link) Current() KeyService {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.service
}

// Hold gives the connection, nil until enrolled, to who stays on it. They leave it when
// replaced is closed: another service or certificate is in use then.
func (l *Link) Hold() (service KeyService, replaced <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.replaced == nil {
		l.replaced = make(chan struct{})
	}
	return l.service, l.replaced
}

// Follow says how to compare heads: by the mirror.
func (l *Link) Follow(sameLine func(a, b string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads = sameLine
}

// sameLine says whether the two heads lie on one line of the repository that
// this cluster follows. A key service that decided at a head which this
// repository does not hold reads another history than this cluster (a Git host
// that shows each its own): nothing of its answer is used.
func (l *Link) sameLine(a, b string) bool {
	if a == b {
		return true
	}
	l.mu.Lock()
	compare := l.heads
	l.mu.Unlock()
	return compare != nil && compare(a, b)
}

// MayUseGrace says whether a refused renewal may be for the certificate's age: a
// handshake with an expired one just fails.
func MayUseGrace(err error) bool {
	return errors.Is(err, client.ErrUnavailable) || client.IsRefusedCertificate(err)
}
