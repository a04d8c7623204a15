package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing"
)

const fleet = "00112233445566778899aabbccddeeff"

// ca is a certificate authority for one test.
type ca struct {
	t           testing.TB
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newCA(t testing.TB) *ca {
	a := &ca{t: t, key: newKey(t)}
	a.certificate = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.key).Leaf
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *ca) issue(template *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	a.t.Helper()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := a.certificate
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *ca) client() tls.Certificate {
	return a.issue(&x509.Certificate{URIs: []*url.URL{protocol.ClusterURI(fleet, "prod-eu")}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, newKey(a.t))
}

// serve answers with handler over TLS 1.3 and returns its address.
func (a *ca) serve(handler http.Handler, names ...net.IP) string {
	server := httptest.NewUnstartedServer(handler)
	certificate := a.issue(&x509.Certificate{IPAddresses: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, newKey(a.t))
	certificate.Certificate = append(certificate.Certificate, a.certificate.Raw)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert}
	server.EnableHTTP2 = true
	server.StartTLS()
	a.t.Cleanup(server.Close)
	return server.URL
}

// liar is a key service whose answer to Unseal is written by the test.
type liar struct {
	keyservicev1connect.UnimplementedKeyServiceHandler
	answer func(*keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error)
}

func (l liar) Unseal(_ context.Context, in *keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error) {
	return l.answer(in)
}

var (
	loopback = net.IPv4(127, 0, 0, 1)
	digests  = []string{"sha256:" + strings.Repeat("1", 64), "sha256:" + strings.Repeat("2", 64)}
)

func TestAnAnswerIsUsedOnlyIfItIsForTheQuestion(t *testing.T) {
	ask := func(change func(*keyservicev1.UnsealResponse)) (*client.Answers, error) {
		s := newService(t)
		s.tamper = func(_ *keyservicev1.UnsealRequest, out *keyservicev1.UnsealResponse) { change(out) }
		return s.ask()
	}
	var request string
	got, err := ask(func(out *keyservicev1.UnsealResponse) { request = protocol.RequestID(out.GetNonce()) })
	if err != nil {
		t.Fatal(err)
	}
	want := &client.Answers{Fleet: fleet, Request: request, Head: strings.Repeat("a", 40), Results: map[string]client.Result{
		digests[0]: {Stanzas: []sealing.Stanza{{Type: "t", Args: []string{"a"}, Body: []byte("b")}}},
		digests[1]: {Refusal: keyservicev1.Refusal_REFUSAL_NOT_PLACED},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
	for name, change := range map[string]func(*keyservicev1.UnsealResponse){
		"another nonce":             func(r *keyservicev1.UnsealResponse) { r.Nonce[0] ^= 1 },
		"no nonce":                  func(r *keyservicev1.UnsealResponse) { r.Nonce = nil },
		"another fleet":             func(r *keyservicev1.UnsealResponse) { r.Fleet = strings.Repeat("0", 32) },
		"a result less":             func(r *keyservicev1.UnsealResponse) { r.Results = r.Results[:1] },
		"results that are swapped":  func(r *keyservicev1.UnsealResponse) { r.Results[0], r.Results[1] = r.Results[1], r.Results[0] },
		"a digest twice":            func(r *keyservicev1.UnsealResponse) { r.Results[1] = r.Results[0] },
		"a grant without stanzas":   func(r *keyservicev1.UnsealResponse) { r.Results[1].Refusal = 0 },
		"a refusal with stanzas":    func(r *keyservicev1.UnsealResponse) { r.Results[1].Stanzas = r.Results[0].Stanzas },
		"an unknown kind of answer": func(r *keyservicev1.UnsealResponse) { r.Results[0].Refusal = 99 },
	} {
		if _, err := ask(change); err == nil || errors.Is(err, client.ErrUnavailable) || errors.As(err, new(*client.LogError)) {
			t.Errorf("%s: %v, want an error that is not worth a retry", name, err)
		}
	}
}

func muxOf(service keyservicev1connect.KeyServiceHandler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(keyservicev1connect.NewKeyServiceHandler(service))
	return mux
}

func TestTroubleOnTheWayIsNotADecision(t *testing.T) {
	authority, stranger := newCA(t), newCA(t)
	refuse := func(code connect.Code, reason string) http.Handler {
		return muxOf(liar{answer: func(*keyservicev1.UnsealRequest) (*keyservicev1.UnsealResponse, error) {
			return nil, connect.NewError(code, errors.New(reason))
		}})
	}
	proxy := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>no", http.StatusForbidden) })
	elsewhere := authority.serve(refuse(connect.CodePermissionDenied, keyservicev1.ReasonSuspended), loopback)
	for name, c := range map[string]struct {
		address string
		denied  string // reason; otherwise ErrUnavailable
		stale   bool
	}{
		"the service's refusal":        {address: elsewhere, denied: keyservicev1.ReasonSuspended},
		"its overload":                 {address: authority.serve(refuse(connect.CodeUnavailable, keyservicev1.ReasonUnavailable), loopback)},
		"its repository being stale":   {address: authority.serve(refuse(connect.CodeUnavailable, keyservicev1.ReasonStale), loopback), stale: true},
		"its tip being refused":        {address: authority.serve(refuse(connect.CodeUnavailable, keyservicev1.ReasonHeadRefused), loopback)},
		"a proxy's 403":                {address: authority.serve(proxy, loopback)},
		"a redirect":                   {address: authority.serve(http.RedirectHandler(elsewhere, http.StatusTemporaryRedirect), loopback)},
		"a server of other authority":  {address: stranger.serve(refuse(connect.CodePermissionDenied, keyservicev1.ReasonSuspended), loopback)},
		"a server with another's name": {address: authority.serve(refuse(connect.CodePermissionDenied, keyservicev1.ReasonSuspended), net.IPv4(127, 0, 0, 9))},
		"nobody there":                 {address: "https://127.0.0.1:1"},
	} {
		cl := client.New(c.address, authority.client(), authority.certificate, auditlogOf(t))
		_, err := cl.Unseal(t.Context(), strings.Repeat("a", 40), digests)
		cl.Close()
		var denied *client.DeniedError
		switch {
		case c.denied == "" && !errors.Is(err, client.ErrUnavailable):
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		case c.denied != "" && (!errors.As(err, &denied) || denied.Reason != c.denied):
			t.Errorf("%s: %v, want reason %s", name, err, c.denied)
		case client.IsHeadRefused(err) != (name == "its tip being refused"):
			t.Errorf("%s: %v, which is not about the tip", name, err)
		case client.IsRepositoryStale(err) != c.stale:
			t.Errorf("%s: %v, a stale repository: %v", name, err, !c.stale)
		}
	}
}

func TestArgumentsOfNewAreChecked(t *testing.T) {
	authority := newCA(t)
	for name, c := range map[string]*client.Client{
		"plain http":           client.New("http://127.0.0.1:1", authority.client(), authority.certificate, auditlogOf(t)),
		"credentials in a URL": client.New("https://u:p@127.0.0.1:1", authority.client(), authority.certificate, auditlogOf(t)),
		"no authority":         client.New("https://127.0.0.1:1", authority.client(), nil, auditlogOf(t)),
		"no certificate":       client.New("https://127.0.0.1:1", tls.Certificate{}, authority.certificate, auditlogOf(t)),
	} {
		if _, err := c.Unseal(t.Context(), "", nil); err == nil || errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Renew(t.Context()); err == nil {
			t.Errorf("%s: renewed", name)
		}
	}
}
