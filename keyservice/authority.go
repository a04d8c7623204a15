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
	"math/big"
	"net"
	"net/url"
	"time"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	authorityTTL = 20 * 365 * 24 * time.Hour
	servingTTL   = 72 * time.Hour
	// skew is how far a cluster's clock may be behind ours.
	skew = 5 * time.Minute
)

// authority issues certificates. Its private key is in the token.
type authority struct {
	fleet       string
	certificate *x509.Certificate
	signer      crypto.Signer
	ttl         time.Duration
	now         func() time.Time
}

// openAuthority takes the fleet's authority from the store, or makes it at the
// first serve. A certificate of another key than the token's is refused: the
// store was copied, or the token was replaced, and every cluster pins the key.
func openAuthority(ctx context.Context, fleet string, token Token, rows authorityStore, ttl time.Duration, now func() time.Time) (*authority, error) {
	signer, err := token.Signer(ctx, "bulla/"+fleet+"/ca")
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	a := &authority{fleet: fleet, signer: signer, ttl: ttl, now: now}
	der, err := rows.Authority(ctx, fleet)
	if errors.Is(err, store.ErrNotFound) {
		if der, err = a.create(); err == nil {
			err = rows.AddAuthority(ctx, fleet, der)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	if !isTokensKey(a.certificate, signer) {
		return nil, errors.New("open certificate authority: the store's certificate is for another key than the token's")
	}
	return a, nil
}

func isTokensKey(certificate *x509.Certificate, signer crypto.Signer) bool {
	public, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	return ok && public.Equal(signer.Public())
}

func (a *authority) create() ([]byte, error) {
	template := a.template(pkix.Name{CommonName: "bulla key service " + a.fleet}, authorityTTL)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	return x509.CreateCertificate(rand.Reader, template, template, a.signer.Public(), a.signer)
}

func (a *authority) template(subject pkix.Name, ttl time.Duration) *x509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] &= 0x7f // positive: RFC 5280, 4.1.2.2
	now := a.now()
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      subject,
		NotBefore:    now.Add(-skew),
		NotAfter:     now.Add(ttl),
	}
}

// issueClient makes a cluster's certificate. The name comes from the token or
// from the certificate presented, never from a certificate request.
func (a *authority) issueClient(cluster string, public crypto.PublicKey) (*x509.Certificate, error) {
	template := a.template(pkix.Name{CommonName: cluster}, a.ttl)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.URIs = []*url.URL{client.ClusterURI(a.fleet, cluster)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.signer)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// issueServing makes the service's own certificate with a fresh key that never
// leaves this process's memory.
func (a *authority) issueServing(names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issue serving certificate: %w", err)
	}
	template := a.template(pkix.Name{CommonName: "bulla-keyservice"}, servingTTL)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.signer)
	if err != nil {
		return nil, fmt.Errorf("issue serving certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue serving certificate: %w", err)
	}
	// The authority goes along: a cluster that enrols knows only its hash.
	return &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key, Leaf: leaf}, nil
}

func certificateRow(fleet, cluster string, c *x509.Certificate) store.Certificate {
	return store.Certificate{
		Serial: c.SerialNumber.Text(16), Fleet: fleet, Cluster: cluster, Identity: client.SPKIHash(c),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	}
}
