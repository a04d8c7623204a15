package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"slices"
	"time"
)

// servingTTL is the life of a serving certificate.
const servingTTL = 72 * time.Hour

// IssueServing makes the service's own certificate with a fresh key that never
// leaves this process's memory.
func (a *Authority) IssueServing(names []string) (*tls.Certificate, error) {
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

// IsCurrent reports whether a serving certificate may stay: it has half its life
// before it, is of the generation that issues, and shows all that are accepted.
func (a *Authority) IsCurrent(serving *tls.Certificate) bool {
	return serving.Leaf.NotAfter.Sub(a.now()) > servingTTL/2 &&
		serving.Leaf.CheckSignatureFrom(a.Certificate()) == nil &&
		slices.EqualFunc(serving.Certificate[1:], a.presented(), bytes.Equal)
}
