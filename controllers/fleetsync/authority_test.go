package fleetsync

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/controllers/unseal"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func (w *world) token(name string) protocol.JoinToken {
	return protocol.JoinToken{
		Fleet: testFleet, Cluster: name, Secret: "s", CAHash: protocol.SPKIHash(w.ca.certificate),
		RootKey: w.root.Key, URL: "https://127.0.0.1:1",
	}
}

// enroll stands in for the key service's enrolment: its own tests have it.
func (w *world) enroll(_ context.Context, o keyservice.EnrollOptions) (*keyservice.Credentials, error) {
	if w.noService.Load() {
		return nil, &keyservice.UnavailableError{Err: errors.New("connection refused")}
	}
	w.enrolled.Add(1)
	return w.ca.issue(o.Token.Fleet, o.Token.Cluster, o.Key.(*ecdsa.PrivateKey))
}

func (w *world) dial(url string, certificate tls.Certificate, _ *x509.Certificate, _ *keyservice.Log) unseal.KeyService {
	return &silentService{w: w, url: url, key: certificate.PrivateKey.(*ecdsa.PrivateKey)}
}

// graceURL is where expired certificates are renewed.
const graceURL = "https://127.0.0.1:2"

// silentService renews and unseals nothing.
type silentService struct {
	w   *world
	url string
	key *ecdsa.PrivateKey
}

func (s *silentService) Unseal(context.Context, string, []string) (*keyservice.Answers, error) {
	return nil, &keyservice.UnavailableError{Err: errors.New("not here")}
}

// AcceptedRewrite shows what the test says that the log has.
func (s *silentService) AcceptedRewrite(_ context.Context, from, ref string) (*keyservice.Rewrite, error) {
	if say := s.w.word.Load(); say != nil {
		return (*say)(from, ref)
	}
	return nil, errors.New("asked, and nobody should")
}

func (s *silentService) ServiceTime() (time.Time, bool) {
	said := s.w.service.Load()
	return time.Unix(0, said), said != 0
}

func (s *silentService) Renew(context.Context) (*keyservice.Credentials, error) {
	if s.w.mainRefuses.Load() && s.url != graceURL {
		return nil, &keyservice.UnavailableError{Err: errors.New("remote error: tls: expired certificate")}
	}
	if s.url == graceURL {
		s.w.late.Add(1)
	}
	s.w.renewed.Add(1)
	return s.w.ca.issue(testFleet, testCluster, s.key)
}

// authorityForTest issues cluster certificates of a settable life.
type authorityForTest struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      atomic.Int64
	from, life  atomic.Int64 // nanoseconds from now, and long
}

func newAuthorityForTest(t *testing.T) *authorityForTest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authorityForTest{t: t, certificate: certificate, key: key}
	a.life.Store(int64(time.Hour))
	return a
}

func (a *authorityForTest) issue(fleet, name string, key *ecdsa.PrivateKey) (*keyservice.Credentials, error) {
	from := time.Now().Add(time.Duration(a.from.Load()))
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(100 + a.serial.Add(1)), Subject: pkix.Name{CommonName: name},
		URIs:      []*url.URL{protocol.ClusterURI(fleet, name)},
		NotBefore: from, NotAfter: from.Add(time.Duration(a.life.Load())), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &keyservice.Credentials{
		Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, CA: a.certificate, GraceURL: graceURL,
	}, nil
}
