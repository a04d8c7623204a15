package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/metrics"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

const (
	commit   = "0123456789abcdef0123456789abcdef01234567"
	revision = "main@sha1:" + commit
	secret   = "what the receiver and we know"
)

// got is one request as a receiver sees it.
type got struct {
	path   string
	header http.Header
	body   []byte
}

// receiver answers with the statuses, the last one for ever.
func receiver(t *testing.T, statuses ...int) (url string, requests chan got) {
	t.Helper()
	requests = make(chan got, 16)
	next := make(chan int, 64)
	for _, status := range statuses {
		next <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r.URL.EscapedPath(), r.Header, body}
		select {
		case status := <-next:
			w.WriteHeader(status)
		default:
			w.WriteHeader(statuses[len(statuses)-1])
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// send runs a sender until the test ends.
func send(t *testing.T, p Provider) (*Sender, *prometheus.Registry) {
	t.Helper()
	if p.Severity == "" {
		p.Severity = Info
	}
	p.Name = "test"
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s := NewSender(p, metrics.New(registry))
	s.pause, s.queue.quiet = time.Millisecond, 0
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		wait.Receive(t, "the sender ends", done)
	})
	return s, registry
}

func broken() Notice {
	return Notice{
		Cluster: "prod-eu", Kind: "Delivery", Namespace: "bulla-system", Name: "shop", Revision: revision,
		Reason: "BuildFailed", Message: "apps/shop: <!channel> is no kind\u202e", At: time.Unix(1, 0),
	}
}

// TestEachReceiverGetsItsOwnForm holds what is sent to what the receivers document.
func TestEachReceiverGetsItsOwnForm(t *testing.T) {
	const status = "/statuses/" + commit
	for kind, want := range map[string]struct{ path, repository, header, token, body string }{
		Slack: {
			path: "/",
			body: `"text":":x: prod-eu: Delivery shop is not ready (BuildFailed): apps/shop: \u0026lt;!channel\u0026gt;`,
		},
		Alertmanager: {path: "/api/v2/alerts", body: `"alertname":"BullaNotReady"`},
		CloudEvents:  {path: "/", body: `"type":"dev.bulla.delivery.not-ready"`},
		GitHub: {"/repos/acme/fleet" + status, "acme/fleet", "Authorization", "Bearer " + secret,
			`"context":"bulla/prod-eu/shop","description":"BuildFailed: `},
		Gitea: {"/api/v1/repos/acme/fleet" + status, "acme/fleet", "Authorization", "token " + secret, `"state":"failure"`},
		GitLab: {"/api/v4/projects/acme%2Fops%2Ffleet" + status, "acme/ops/fleet", "Private-Token", secret,
			`"name":"bulla/prod-eu/shop","state":"failed"`},
	} {
		t.Run(kind, func(t *testing.T) {
			url, requests := receiver(t, http.StatusOK)
			s, _ := send(t, Provider{Type: kind, Address: url, Secret: []byte(secret), Repository: want.repository})
			s.offer(broken())
			r := wait.Receive(t, "it is sent", requests)
			if r.path != want.path || !strings.Contains(string(r.body), want.body) || !json.Valid(r.body) {
				t.Errorf("sent to %s: %s\nwant %s with %s", r.path, r.body, want.path, want.body)
			}
			if want.header != "" && r.header.Get(want.header) != want.token {
				t.Errorf("the token is not sent as %s", want.header)
			}
			if strings.Contains(string(r.body), secret) || strings.Contains(string(r.body), "\u202e") {
				t.Errorf("what must not be sent is: %s", r.body)
			}
			if kind == CloudEvents {
				mac := hmac.New(sha256.New, []byte(secret))
				mac.Write(r.body)
				if r.header.Get("X-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
					t.Errorf("signed %q", r.header.Get("X-Signature"))
				}
			}
		})
	}
}

// An alert that begins and never ends is worse than none.
func TestAnAlertEndsWhenItsObjectIsReady(t *testing.T) {
	url, requests := receiver(t, http.StatusOK)
	s, _ := send(t, Provider{Type: Alertmanager, Address: url, Severity: Error})
	ends := func() (labels map[string]string, at time.Time) {
		var alerts []struct {
			Labels map[string]string
			EndsAt time.Time
		}
		r := wait.Receive(t, "it is sent", requests)
		if err := json.Unmarshal(r.body, &alerts); err != nil || len(alerts) != 1 {
			t.Fatalf("%v: %s", err, r.body)
		}
		return alerts[0].Labels, alerts[0].EndsAt
	}
	s.offer(broken())
	began, end := ends()
	if !end.After(time.Now().Add(time.Hour)) {
		t.Errorf("it ends at %s", end)
	}
	ready := broken()
	ready.Ready, ready.Reason, ready.Message = true, "ReconciliationSucceeded", "applied"
	s.offer(ready)
	ended, end := ends()
	if diff := cmp.Diff(began, ended); diff != "" || end.After(time.Now()) {
		t.Errorf("its end is at %s, of another alert (-began +ended):\n%s", end, diff)
	}
}

func TestAReceiverThatFailsIsTriedAFewTimes(t *testing.T) {
	count := func(registry *prometheus.Registry, result string) func() bool {
		want := `bulla_notifications_total{result="` + result + `",type="slack"} 1`
		return func() bool {
			text, err := testutil.CollectAndFormat(registry, expfmt.TypeTextPlain, "bulla_notifications_total")
			return err == nil && strings.Contains(string(text), want)
		}
	}
	url, requests := receiver(t, 503, 429, 200)
	s, registry := send(t, Provider{Type: Slack, Address: url})
	s.offer(broken())
	wait.Until(t, "it comes through", count(registry, "sent"))
	if len(requests) != 3 {
		t.Errorf("%d requests", len(requests))
	}
	url, requests = receiver(t, 503)
	s, registry = send(t, Provider{Type: Slack, Address: url})
	s.offer(broken())
	wait.Until(t, "it is given up", count(registry, "failed"))
	if len(requests) != tries {
		t.Errorf("%d requests, want %d", len(requests), tries)
	}
	url, requests = receiver(t, 403)
	s, registry = send(t, Provider{Type: Slack, Address: url})
	s.offer(broken())
	wait.Until(t, "it is given up", count(registry, "failed"))
	if len(requests) != 1 {
		t.Errorf("a refusal is tried %d times", len(requests))
	}
}

// An object that two fight over, and a fleet that fails as one, must not fill a chat or
// the memory.
func TestAQueueFoldsAndIsBounded(t *testing.T) {
	q := newQueue(Provider{Type: Slack}.key)
	at := time.Unix(0, 0)
	bad, good := broken(), broken()
	good.Ready, good.Reason = true, "ReconciliationSucceeded"
	q.put(bad)
	if n, ok, _ := q.take(at); !ok || n.Ready {
		t.Fatal("the first is not told")
	}
	q.put(good)
	if _, ok, again := q.take(at.Add(time.Second)); ok || again != quiet-time.Second {
		t.Errorf("the second is told at once, or after %s", again)
	}
	if got := q.put(bad); got != "folded" {
		t.Errorf("the third: %q", got)
	}
	if n, ok, _ := q.take(at.Add(2 * quiet)); ok {
		t.Errorf("what changed back is told: %v", n)
	}
	q.put(good)
	if n, ok, _ := q.take(at.Add(4 * quiet)); !ok || !n.Ready {
		t.Error("how it stands in the end is not told")
	}
	dropped := 0
	for i := range 3 * queueSize {
		n := broken()
		n.Name = strings.Repeat("a", i+1)
		if q.put(n) == "dropped" {
			dropped++
		}
	}
	if dropped != 2*queueSize {
		t.Errorf("%d of %d are dropped", dropped, 3*queueSize)
	}
}

func TestAProviderIsCheckedAndNotRepeated(t *testing.T) {
	good := Provider{
		Name: "x", Type: GitHub, Address: "https://api.example.com", Secret: []byte(secret), Repository: "acme/fleet",
		Severity: Info,
	}
	for what, change := range map[string]func(*Provider){
		"no name":                  func(p *Provider) { p.Name = "" },
		"another type":             func(p *Provider) { p.Type = "pager" },
		"another severity":         func(p *Provider) { p.Severity = "loud" },
		"no URL":                   func(p *Provider) { p.Address = "hooks.example.com/" + secret },
		"a password in it":         func(p *Provider) { p.Address = "https://u:" + secret + "@example.com" },
		"a token over http":        func(p *Provider) { p.Address = "http://forge.example.com" },
		"a webhook over http":      func(p *Provider) { p.Type, p.Address = Slack, "http://chat.example.com/"+secret },
		"no token":                 func(p *Provider) { p.Secret = nil },
		"no repository":            func(p *Provider) { p.Repository = "" },
		"a repository that climbs": func(p *Provider) { p.Repository = "acme/fleet?x=/.." },
		"a short secret":           func(p *Provider) { p.Type, p.Secret = CloudEvents, []byte("short") },
	} {
		p := good
		change(&p)
		if err := p.Check(); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

// How things stand at the start is no news, and neither is a message that counts.
func TestWhatChangesIsNews(t *testing.T) {
	s := NewSender(Provider{Name: "x", Type: Slack, Severity: Error}, nil)
	w := &Watcher{Senders: []*Sender{s}, last: map[string]Notice{}}
	see := func(initial bool, status metav1.ConditionStatus, reason, message string) (told bool) {
		d := &v1alpha1.Delivery{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "bulla-system", Generation: 1}}
		d.Spec.Revision = revision
		d.Status.Conditions = []metav1.Condition{
			{Type: "Ready", Status: status, Reason: reason, Message: message, ObservedGeneration: 1},
		}
		w.see(d, initial)
		_, told, _ = s.queue.take(time.Now().Add(time.Hour))
		clear(s.queue.told)
		return told
	}
	w.see(&v1alpha1.FleetSync{Spec: v1alpha1.FleetSyncSpec{ClusterName: "prod-eu"}}, true)
	for _, step := range []struct {
		what    string
		initial bool
		status  metav1.ConditionStatus
		reason  string
		message string
		told    bool
	}{
		{"the state at the start", true, metav1.ConditionFalse, "BuildFailed", "", false},
		{"it works on it", false, metav1.ConditionUnknown, "Progressing", "", false},
		{"another second", false, metav1.ConditionFalse, "BuildFailed", "for 2s", false},
		{"another reason", false, metav1.ConditionFalse, "UnsealDenied", "", true},
		{"ready: no error", false, metav1.ConditionTrue, "ReconciliationSucceeded", "", false},
		{"broken again", false, metav1.ConditionFalse, "BuildFailed", "", true},
	} {
		if got := see(step.initial, step.status, step.reason, step.message); got != step.told {
			t.Errorf("%s: told %v, want %v", step.what, got, step.told)
		}
	}
	if w.cluster != "prod-eu" {
		t.Errorf("the cluster is %q", w.cluster)
	}
}
