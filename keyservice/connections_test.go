package keyservice_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing/hsm"
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
			if !isCut(t, first, wait.Patience()) || !isCut(t, second, wait.Patience()) {
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

// held is a token that opens nothing while it is held.
type held struct {
	*hsm.Worker
	gate  atomic.Pointer[chan struct{}]
	asked atomic.Int64
}

func (h *held) Open(ctx context.Context, keyID string, info, sealed []byte) ([]byte, error) {
	h.asked.Add(1)
	if gate := h.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return h.Worker.Open(ctx, keyID, info, sealed)
}

// TestAnAnswerUnderWayIsNotGivenToAClusterThatWasSuspended: the head that suspends the
// cluster comes while the token works.
func TestAnAnswerUnderWayIsNotGivenToAClusterThatWasSuspended(t *testing.T) {
	w := newWorld(t)
	w.stop()
	token := &held{Worker: w.worker}
	w.through = token
	w.start(2)
	f := newFixtureIn(w)
	file, digest := f.seal(stub{namespace: "payments", name: "one", values: map[string]string{"/data/key": "v"}})
	f.head = f.commit(map[string]string{"apps/payments/one.yaml": file})
	if _, result := f.eu.unseal(f.head, digest); !result.Granted() {
		t.Fatal(result.Refusal)
	}
	gate, before := make(chan struct{}), token.asked.Load()
	token.gate.Store(&gate)
	answered := make(chan error, 1)
	go func() {
		answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{digest})
		if err == nil && answers.Results[digest].Granted() {
			answered <- nil
			return
		}
		answered <- errors.New("not granted")
	}()
	f.eventually("the token is asked", func() bool { return token.asked.Load() > before })
	head := f.commit(map[string]string{f.eu.path(): f.eu.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all")})
	if answers, _ := f.us.unseal(head, "sha256:"+strings.Repeat("0", 64)); answers.Head != head {
		t.Fatalf("at %s", answers.Head)
	}
	close(gate)
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
