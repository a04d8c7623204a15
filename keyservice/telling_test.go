package keyservice_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/notify"
)

const forgeToken = "canary-of-a-forge-token"

// listener plays a forge and a chat, and keeps what it was sent by path.
type listener struct {
	*httptest.Server

	mu  sync.Mutex
	got map[string][]string
}

func newListener(t *testing.T) *listener {
	l := &listener{got: map[string][]string{}}
	l.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.got[r.URL.Path] = append(l.got[r.URL.Path], string(body))
	}))
	t.Cleanup(l.Close)
	return l
}

// last is what came to a path last, and how much did.
func (l *listener) last(path string) (body string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n = len(l.got[path]); n > 0 {
		body = l.got[path][n-1]
	}
	return body, n
}

// newTelling is a fleet that is told of.
func newTelling(t *testing.T) (*fixture, *listener) {
	t.Helper()
	l := newListener(t)
	w := newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) {
		w.tellEvery = 20 * time.Millisecond
		w.notify = []notify.Provider{
			{Name: "forge", Type: notify.GitHub, Severity: notify.Info, Address: l.URL, Repository: "acme/fleet",
				Secret: []byte(forgeToken), Sets: []string{"all"}},
			{Name: "chat", Type: notify.Slack, Severity: notify.Error, Address: l.URL + "/chat"},
		}
	})
	return newFixtureIn(w), l
}

// fares reports how payments fares on a cluster at a head.
func (m *member) fares(t *testing.T, head string, deliveries ...*keyservicev1.DeliveryState) {
	t.Helper()
	_, err := m.client.Report(t.Context(), &keyservicev1.ReportRequest{Head: head,
		State: &keyservicev1.ClusterState{Deliveries: deliveries}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestACommitHasOneStatusForItsSetOfClusters by what they report, through the whole
// service.
func TestACommitHasOneStatusForItsSetOfClusters(t *testing.T) {
	f, l := newTelling(t)
	shows := func(head, state, said string) {
		t.Helper()
		wait.Until(t, state+": "+said, func() bool {
			var body struct{ State, Context, Description string }
			text, _ := l.last("/repos/acme/fleet/statuses/" + head)
			return json.Unmarshal([]byte(text), &body) == nil && body.State == state &&
				body.Context == "bulla/all" && strings.HasPrefix(body.Description, said)
		})
	}
	ready := &keyservicev1.DeliveryState{Placement: "payments", Ready: keyservicev1.Readiness_READINESS_READY}
	broken := &keyservicev1.DeliveryState{Placement: "payments", Ready: keyservicev1.Readiness_READINESS_NOT_READY,
		Reason: "BuildFailed", Message: "no such file"}
	f.atHead(f.head)
	shows(f.head, "pending", "0 of 2 clusters are ready")
	f.us.fares(t, f.head) // nothing is placed there
	f.eu.fares(t, f.head, broken)
	shows(f.head, "failure", "1 of 2 clusters is ready; not ready: 1, prod-eu (payments BuildFailed) first")

	next := f.commit(map[string]string{"README.md": "another commit"})
	f.atHead(next)
	shows(next, "pending", "0 of 2 clusters are ready")
	f.us.fares(t, next)
	f.eu.fares(t, next, ready)
	shows(next, "success", "2 of 2 clusters are ready")
	if strings.Contains(f.logs.String(), forgeToken) {
		t.Error("the log tells the token")
	}
}

// TestPeopleAreToldOfRefusals once for many, without what was asked for.
func TestPeopleAreToldOfRefusals(t *testing.T) {
	f, l := newTelling(t)
	f.atHead(f.head) // prod-us asks for what is not placed there
	for range 50 {
		if _, result := f.us.unseal(f.head, f.digest); result.Granted() {
			t.Fatal("granted")
		}
	}
	wait.Until(t, "people are told", func() bool { _, n := l.last("/chat"); return n > 0 })
	text, n := l.last("/chat")
	if n != 1 || !strings.Contains(text, "by prod-us") || !strings.Contains(text, "NotPlaced") {
		t.Errorf("told %d times: %s", n, text)
	}
	if strings.Contains(text, f.digest) || strings.Contains(text, "payments") {
		t.Errorf("what was asked for is told: %s", text)
	}
}
