package authority

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const (
	authorityTTL = 20 * 365 * 24 * time.Hour
	// skew is how far a certificate's start is put back: clocks of clusters and
	// of this service may be off by a day either way.
	skew = 25 * time.Hour
)

// Token gives the signing keys; what the service's token does is more.
type Token interface {
	// Signer returns the signing key with this label.
	Signer(ctx context.Context, label string) (crypto.Signer, error)
}

// Store keeps the generations.
type Store interface {
	// Authorities returns every generation, oldest first; none before AddAuthority.
	Authorities(ctx context.Context, fleet string) ([]store.Authority, error)
	// AddAuthority refuses a second one of a number.
	AddAuthority(a store.Authority, formerEnds time.Time) store.Change
	// Do makes changes that the journal does not make.
	Do(ctx context.Context, changes ...store.Change) error
	AddPending(fleet string, entry []byte) store.Change
}

// Options are the parts of an [Authority]; the last two may be left out.
type Options struct {
	Fleet string
	// TTL is the life of a client's certificate.
	TTL   time.Duration
	Store Store
	Token Token
	Log   *slog.Logger
	Now   func() time.Time
}

// ErrOtherToken means that the store is of another token than the configured
// one. It may be a copy, or the token was replaced: clusters pinned its key.
var ErrOtherToken = errors.New("the store's certificate is for another key than the token's")

// Authority issues certificates. Its private keys are in the token.
type Authority struct {
	fleet string
	ttl   time.Duration
	now   func() time.Time
	token Token
	rows  Store
	log   *slog.Logger
	// line is its generations, oldest first: immutable, replaced as a whole.
	line atomic.Pointer[[]*issuer]
}

// Open takes the fleet's authority from the store, or makes it at the
// first serve. A certificate of another key than the token's is refused: the
// store was copied, or the token was replaced, and every cluster pins the key.
func Open(ctx context.Context, o Options) (*Authority, error) {
	a := &Authority{fleet: o.Fleet, ttl: o.TTL, now: o.Now, token: o.Token, rows: o.Store, log: o.Log}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	_, err := a.Refresh(ctx)
	if errors.Is(err, store.ErrNotFound) {
		if err = a.begin(ctx); err == nil {
			_, err = a.Refresh(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	return a, nil
}

// begin makes the first generation. Of two replicas that start a fleet together
// one is refused by the store, and takes what the other made.
func (a *Authority) begin(ctx context.Context) error {
	signer, err := a.token.Signer(ctx, hsm.SignerLabel(a.fleet, hsm.RoleCA))
	if err != nil {
		return err
	}
	der, err := selfSign(a.fleet, hsm.RoleCA, signer, a.now())
	if err != nil {
		return err
	}
	failed := a.rows.Do(ctx, a.rows.AddAuthority(store.Authority{Fleet: a.fleet, Generation: 1, Role: hsm.RoleCA, Certificate: der, Starts: a.now()}, time.Time{}))
	if failed == nil {
		return nil
	}
	if all, err := a.rows.Authorities(ctx, a.fleet); err == nil && len(all) > 0 {
		return nil
	}
	return failed
}

// selfSign makes the certificate of a generation. Its path length is not bounded:
// its key signs certificates of its successors.
func selfSign(fleet, role string, signer crypto.Signer, now time.Time) ([]byte, error) {
	template := authorityTemplate(fleet, role, now)
	return x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
}

func authorityTemplate(fleet, role string, now time.Time) *x509.Certificate {
	name := "bulla key service " + fleet
	if role != hsm.RoleCA {
		name += " " + role
	}
	template := newTemplate(pkix.Name{CommonName: name}, now, authorityTTL)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	return template
}

func newTemplate(subject pkix.Name, now time.Time, ttl time.Duration) *x509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] &= 0x7f // positive: RFC 5280, 4.1.2.2
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      subject,
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(ttl),
	}
}

// issue signs a certificate with one generation's key.
func (by *issuer) issue(template *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, public, by.signer)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// Issued is a new certificate, and what its bearer is to trust.
type Issued struct {
	Certificate *x509.Certificate
	// CA is the generation that signed, DER, and Succession the way to it; see the
	// proto's CompleteEnrollResponse.
	CA         []byte
	Succession [][]byte
}

// Row is what the store keeps of the certificate; parent is the serial of the one
// in whose place it is, "" for none.
func (i *Issued) Row(fleet, cluster, parent string) store.Certificate {
	c := i.Certificate
	return store.Certificate{
		Serial: c.SerialNumber.Text(16), Fleet: fleet, Cluster: cluster, Identity: protocol.SPKIHash(c),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, Parent: parent,
	}
}

// IssueCluster makes a cluster's certificate. The name comes from the token or
// from the certificate presented, never from a certificate request.
func (a *Authority) IssueCluster(cluster string, public crypto.PublicKey) (*Issued, error) {
	template := newTemplate(pkix.Name{CommonName: cluster}, a.now(), a.ttl)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.URIs = []*url.URL{protocol.ClusterURI(a.fleet, cluster)}
	by := a.issuer()
	certificate, err := by.issue(template, public)
	if err != nil {
		return nil, err
	}
	return &Issued{Certificate: certificate, CA: by.Certificate, Succession: a.succession(by)}, nil
}
