package keyservice

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const (
	authorityTTL = 20 * 365 * 24 * time.Hour
	servingTTL   = 72 * time.Hour
	// skew is how far a certificate's start is put back: clocks of clusters and
	// of this service may be off by a day either way.
	skew = 25 * time.Hour
)

// authority issues certificates. Its private keys are in the token.
type authority struct {
	fleet string
	ttl   time.Duration
	now   func() time.Time
	token Token
	rows  authorityStore
	log   *slog.Logger
	// line is its generations, oldest first: immutable, replaced as a whole.
	line atomic.Pointer[[]*issuer]
}

// openAuthority takes the fleet's authority from the store, or makes it at the
// first serve. A certificate of another key than the token's is refused: the
// store was copied, or the token was replaced, and every cluster pins the key.
func openAuthority(ctx context.Context, o Options, ttl time.Duration) (*authority, error) {
	a := &authority{fleet: o.Config.Fleet, ttl: ttl, now: o.Now, token: o.Token, rows: o.Store, log: o.Log}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	_, err := a.refresh(ctx)
	if errors.Is(err, store.ErrNotFound) {
		if err = a.begin(ctx); err == nil {
			_, err = a.refresh(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	return a, nil
}

// begin makes the first generation. Of two replicas that start a fleet together
// one is refused by the store, and takes what the other made.
func (a *authority) begin(ctx context.Context) error {
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

// issueClient makes a cluster's certificate. The name comes from the token or
// from the certificate presented, never from a certificate request. It also
// returns the generation that signed, which the cluster is to trust.
func (a *authority) issueClient(cluster string, public crypto.PublicKey) (*x509.Certificate, *issuer, error) {
	template := newTemplate(pkix.Name{CommonName: cluster}, a.now(), a.ttl)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.URIs = []*url.URL{protocol.ClusterURI(a.fleet, cluster)}
	by := a.issuer()
	certificate, err := by.issue(template, public)
	return certificate, by, err
}

// issueServing makes the service's own certificate with a fresh key that never
// leaves this process's memory.
func (a *authority) issueServing(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issue serving certificate: %w", err)
	}
	template := newTemplate(pkix.Name{CommonName: "bulla-keyservice"}, a.now(), servingTTL)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	leaf, err := a.issuer().issue(template, key.Public())
	if err != nil {
		return nil, err
	}
	// The authority goes along: a cluster that enrols knows only its hash, and
	// one that knows an older or a newer generation needs the way from there.
	return &tls.Certificate{Certificate: append([][]byte{leaf.Raw}, a.presented()...), PrivateKey: key, Leaf: leaf}, nil
}

func certificateRow(fleet, cluster, parent string, c *x509.Certificate) store.Certificate {
	return store.Certificate{
		Serial: c.SerialNumber.Text(16), Fleet: fleet, Cluster: cluster, Identity: protocol.SPKIHash(c),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, Parent: parent,
	}
}
