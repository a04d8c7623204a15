package keyservice_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// contentTypes are the encodings that the server's library offers by itself:
// each is a parser that a stranger reaches.
var contentTypes = []string{"application/json", "application/proto", "application/connect+json", "application/connect+proto",
	"application/grpc", "application/grpc-web+proto", "text/plain"}

// FuzzTheProtocol sends what a stranger may write, as a member of the fleet, to
// every route: nothing panics, nothing but an orderly answer comes back, no
// value leaves, and the service goes on answering.
func FuzzTheProtocol(f *testing.F) {
	// A call that waits ends before a client gives it up.
	w := newFixtureIn(newWorldOf(f, api.SuiteHybrid, 2, 0, func(w *world) { w.heldFor = time.Second }))
	if _, err := w.eu.client.Unseal(f.Context(), w.head, []string{w.digest}); err != nil {
		f.Fatal(err)
	}
	seeds := protocolSeeds(w)
	if len(seeds) < 4 {
		f.Fatalf("%d seeds, want at least 4", len(seeds))
	}
	for _, message := range seeds {
		text, err := protojson.Marshal(message)
		if err != nil {
			f.Fatal(err)
		}
		wire, err := proto.Marshal(message)
		if err != nil {
			f.Fatal(err)
		}
		for route := range keyservice.Routes() {
			for kind := range contentTypes {
				f.Add(uint8(route), uint8(kind), text)
				f.Add(uint8(route), uint8(kind), wire)
				f.Add(uint8(route), uint8(kind), append([]byte{0, 0, 0, 0, byte(len(wire))}, wire...))
			}
		}
	}
	// A person with every role, so that nothing stops before the handlers.
	person := w.person("fuzz", config.RoleOperator, config.RoleAuditor, config.RoleDeveloper)
	clients := map[keyservice.Auth]*http.Client{
		keyservice.AuthJoinToken: stranger(w.eu.credentials), keyservice.AuthCertificate: stranger(w.eu.credentials), keyservice.AuthPerson: stranger(person.credentials)}
	f.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := w.eu.client.Unseal(ctx, w.head, []string{w.digest}); err != nil {
			f.Errorf("afterwards: %v", err)
		}
	})
	f.Fuzz(func(t *testing.T, route, kind uint8, body []byte) {
		routes := keyservice.Routes()
		r := routes[int(route)%len(routes)]
		answer, status := post(t, clients[r.Auth], w.url+r.Path, contentTypes[int(kind)%len(contentTypes)], body)
		if status < 200 || status >= 600 {
			t.Errorf("%s: status %d", r.Path, status)
		}
		for _, never := range []string{canary, "panic", "goroutine", w.dir} {
			if bytes.Contains(answer, []byte(never)) {
				t.Errorf("%s: the answer has %q: %q", r.Path, never, answer)
			}
		}
		if panics := w.metric(t, "bulla_keyservice_panics_total"); panics != "0" {
			t.Errorf("%s: %s panics", r.Path, panics)
		}
	})
}

func protocolSeeds(w *fixture) []proto.Message {
	return []proto.Message{
		&keyservicev1.UnsealRequest{Revision: w.head, Nonce: make([]byte, 32), Digests: []string{w.digest}, LogSize: 1},
		&keyservicev1.RenewRequest{Csr: []byte{0x30, 0x03, 0x02, 0x01, 0x00}},
		&keyservicev1.BeginEnrollRequest{Token: "x", Csr: []byte{0x30}, Recipient: w.eu.identity.Recipient().String()},
		&keyservicev1.CompleteEnrollRequest{Token: "x", Answer: make([]byte, 32)},
		&keyservicev1.ReportRequest{Head: w.head, Complete: true, Secrets: []*keyservicev1.SecretReport{{
			Placement: "payments", Namespace: "payments", Name: "db", Digest: w.digest,
			State: keyservicev1.SecretState_SECRET_STATE_IN_USE, Workloads: []string{"Deployment/api"}}}},
		&keyservicev1.ProveConsistencyRequest{FromSize: 1, ToSize: 2},
		&keyservicev1.AwaitHeadRequest{Head: w.head},
		&keyservicev1.ProveRewriteRequest{Head: w.head, LogSize: 1},
		&keyservicev1.ListAuditRequest{Limit: 10, Cluster: "prod-eu", Since: -1},
		&keyservicev1.ListLedgerRequest{Cluster: "prod-eu", Object: "payments/db"},
		&keyservicev1.AcceptHistoryRequest{Head: w.head},
		&keyservicev1.RewrapRequest{Head: w.head, Digests: []string{w.digest}},
	}
}

// stranger is an HTTP client with a certificate and nothing else.
func stranger(credentials *client.Credentials) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(credentials.CA)
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{credentials.Certificate}}}}
}

func post(t *testing.T, asker *http.Client, url, contentType string, body []byte) (answer []byte, status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := asker.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(response.Body, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return answer, response.StatusCode
}

// metric reads one value from the health listener.
func (w *world) metric(t *testing.T, name string) string {
	t.Helper()
	response, err := http.Get(w.health + "/metrics") //nolint:noctx // loopback, in a test
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), name+" "); ok {
			return value
		}
	}
	t.Fatalf("no metric %s", name)
	return ""
}
