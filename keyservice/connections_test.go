package keyservice_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// idle is an open connection of a member that asks nothing.
func (m *member) idle(protocol string) net.Conn {
	m.w.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(m.w.service.Authority())
	conn, err := tls.Dial("tcp", strings.TrimPrefix(m.w.url, "https://"), &tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{m.credentials.Certificate}, MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}})
	if err != nil {
		m.w.t.Fatal(err)
	}
	m.w.t.Cleanup(func() { conn.Close() })
	return conn
}

// isCut reads until the connection ends, or for as long as patience.
func isCut(t *testing.T, conn net.Conn, patience time.Duration) bool {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	return !(errors.As(err, &timeout) && timeout.Timeout())
}

// TestAHeadThatTakesAClusterOutCutsItsConnections holds open connections that ask
// nothing, over both protocols: no request's own check ends those.
func TestAHeadThatTakesAClusterOutCutsItsConnections(t *testing.T) {
	for name, file := range map[string]func(f *fixture) string{
		"suspended":                func(f *fixture) string { return f.eu.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all") },
		"its file is gone":         func(*fixture) string { return "" },
		"its file has another key": func(f *fixture) string { return newMember(f.world, "prod-eu").file(nil, "all") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.settle(f.head)
			first, second := f.eu.idle("h2"), f.eu.idle("http/1.1")
			other, waiting := f.us.idle("h2"), f.join("prod-jp").idle("h2")
			head := f.commit(map[string]string{f.eu.path(): file(f)})
			if answers, _ := f.us.unseal(head, "sha256:"+strings.Repeat("0", 64)); answers.Head != head {
				t.Fatalf("at %s", answers.Head)
			}
			if !isCut(t, first, 20*time.Second) || !isCut(t, second, 20*time.Second) {
				t.Error("a connection is still open")
			}
			if isCut(t, other, 100*time.Millisecond) {
				t.Error("another cluster's connection was cut")
			}
			if isCut(t, waiting, 100*time.Millisecond) {
				t.Error("the connection of a cluster that waits for its file was cut")
			}
		})
	}
}

// TestAnAnswerUnderWayIsNotGivenToAClusterThatWasSuspended: the token is slow, and
// the head that suspends the cluster comes while it works.
func TestAnAnswerUnderWayIsNotGivenToAClusterThatWasSuspended(t *testing.T) {
	f := newFixture(t)
	// One block, so that a session of the token is left for the log's signatures.
	file, digest := f.seal(stub{namespace: "payments", name: "one", values: map[string]string{"/data/key": "v"}})
	f.head = f.commit(map[string]string{"apps/payments/one.yaml": file})
	if _, result := f.eu.unseal(f.head, digest); !result.Granted() {
		t.Fatal(result.Refusal)
	}
	if err := f.token.Fault("C_DeriveKey", 0, 1, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{digest})
		if err == nil && answers.Results[digest].Granted() {
			answered <- nil
			return
		}
		answered <- errors.New("not granted")
	}()
	f.eventually("the request is under way", func() bool {
		return strings.Contains(f.get("/metrics"), `requests_in_flight{route="/bulla.keyservice.v1.KeyService/Unseal"} 1`)
	})
	head := f.commit(map[string]string{f.eu.path(): f.eu.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all")})
	if answers, _ := f.us.unseal(head, "sha256:"+strings.Repeat("0", 64)); answers.Head != head {
		t.Fatalf("at %s", answers.Head)
	}
	if err := <-answered; err == nil {
		t.Error("a cluster that is suspended got its answer")
	}
	// However fast the connection was cut, the answer was not even made.
	granted := 0
	f.eventually("the refusal is recorded", func() bool {
		suspended := false
		granted = 0
		for _, e := range f.recorded(audit.Unseal) {
			if e.Digest == digest && e.Outcome == "Granted" {
				granted++
			}
			suspended = suspended || e.Digest == digest && e.Outcome == keyservicev1.ReasonSuspended
		}
		return suspended || granted > 1
	})
	if granted != 1 {
		t.Errorf("%d grants recorded, want the one before", granted)
	}
}
