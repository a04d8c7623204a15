package authority

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// ErrNotConfigured reports a person, or a key, that the configuration does not
// have. Nothing was issued.
var ErrNotConfigured = errors.New("not in the configuration")

// IssuePerson makes a certificate for a person whom the configuration has, for
// the key that it has for them, and returns it with the authority's. The name is
// the configuration's: the request proves a key and nothing else. It runs beside
// the service, on the same store, and leaves the entry for the audit log there.
func IssuePerson(ctx context.Context, o Options, people []config.Person, name string, csr []byte) (certificate, ca *x509.Certificate, err error) {
	identity, err := ReadIdentity(csr)
	if err != nil {
		return nil, nil, err
	}
	if _, err := newRoster(people).find(name, identity); err != nil {
		return nil, nil, fmt.Errorf("issue certificate for %q: %w: %w", name, ErrNotConfigured, err)
	}
	a, err := Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	if certificate, ca, err = a.issuePerson(name, csr); err != nil {
		return nil, nil, err
	}
	if err := a.rows.Do(ctx, journal.Later(a.rows, a.fleet, issued(name, certificate), a.now())); err != nil {
		return nil, nil, err
	}
	return certificate, ca, nil
}

// issuePerson makes a certificate that only [Authority.Person] reads.
func (a *Authority) issuePerson(name string, csr []byte) (certificate, ca *x509.Certificate, err error) {
	der, err := ReadRequest(csr)
	if err != nil {
		return nil, nil, fmt.Errorf("issue certificate: %w", err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, nil, fmt.Errorf("issue certificate: %w", err)
	}
	template := newTemplate(pkix.Name{CommonName: name, OrganizationalUnit: []string{"people"}}, a.now(), a.ttl)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.URIs = []*url.URL{protocol.PersonURI(a.fleet, name)}
	by := a.issuer()
	certificate, err = by.issue(template, public)
	return certificate, by.certificate, err
}

// issued is the entry of the audit log for a person's new certificate.
func issued(name string, c *x509.Certificate) audit.Entry {
	return audit.Entry{Kind: audit.Person, Outcome: audit.Done, Person: name,
		Certificate: c.SerialNumber.Text(16), Identity: protocol.SPKIHash(c),
		Detail: "certificate issued until " + c.NotAfter.UTC().Format(time.RFC3339)}
}
