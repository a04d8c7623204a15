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
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
func send(t *testing.T, p Provider) (*Sender, *counted) {
	t.Helper()
	if p.Severity == "" {
		p.Severity = Info
	}
	p.Name = "test"
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	counts := &counted{}
	s := NewSender(p, counts, counts.lost)
	s.pause, s.queue.quiet = time.Millisecond, 0
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		wait.Receive(t, "the sender ends", done)
	})
	return s, counts
}

// counted counts results.
type counted struct {
	mu      sync.Mutex
	results map[string]int
}

func (c *counted) Notified(kind, result string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.results == nil {
		c.results = map[string]int{}
	}
	c.results[kind+" "+result]++
}

func (c *counted) lost(provider, kind, why string) { c.Notified(provider+" "+kind, "lost: "+why) }

func (c *counted) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.results[what]
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
			s.Offer(broken())
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

// TestASetHasAStatusOfItsOwn: what forges call pending, success and failure, under a name
// that no placement on a cluster can have.
func TestASetHasAStatusOfItsOwn(t *testing.T) {
	set := func(change func(*Notice)) Notice {
		n := Notice{Kind: ClusterSet, Name: "retail", Revision: revision, Message: "38 of 40 clusters are ready"}
		change(&n)
		return n
	}
	pending := set(func(n *Notice) { n.Pending = true })
	ready, failed := set(func(n *Notice) { n.Ready = true }), set(func(*Notice) {})
	for kind, states := range map[string][3]string{
		GitHub: {"pending", "success", "failure"}, Gitea: {"pending", "success", "failure"},
		GitLab: {"running", "success", "failed"},
	} {
		for i, n := range []Notice{pending, ready, failed} {
			url, requests := receiver(t, http.StatusOK)
			s, _ := send(t, Provider{Type: kind, Address: url, Secret: []byte(secret), Repository: "acme/fleet"})
			s.Offer(n)
			r := wait.Receive(t, "it is sent", requests)
			var body map[string]string
			if err := json.Unmarshal(r.body, &body); err != nil {
				t.Fatal(err)
			}
			name := body["context"] + body["name"] // of GitLab
			if body["state"] != states[i] || name != "bulla/retail" || body["description"] != n.Message ||
				!strings.HasSuffix(r.path, "/statuses/"+commit) {
				t.Errorf("%s: sent to %s: %s, want %s", kind, r.path, r.body, states[i])
			}
		}
	}
	whole := set(func(n *Notice) { n.Name = "" })
	if got := whole.context(); got != "bulla" {
		t.Errorf("the whole fleet's is %q", got)
	}
	for _, kind := range []string{Slack, Alertmanager, CloudEvents} {
		if (Provider{Type: kind, Severity: Info}).wants(ready) {
			t.Errorf("each replica would tell %s of a set", kind)
		}
	}
	if p := (Provider{Type: GitLab}); p.isNews(pending, set(func(n *Notice) { n.Pending, n.Message = true, "39" })) {
		t.Error("GitLab refuses a status that is running already")
	}
}

// What is waited for is told when it comes, however lately it was said to be on its way.
func TestTheEndOfWhatIsPendingWaitsForNoQuiet(t *testing.T) {
	q, at := newQueue(Provider{Type: GitHub}), time.Unix(0, 0)
	n := Notice{Kind: ClusterSet, Name: "eu", Revision: revision, Pending: true, Message: "0 of 2"}
	q.put(n)
	q.take(at)
	n.Message = "1 of 2"
	q.put(n)
	if _, ok, _ := q.take(at.Add(time.Second)); ok {
		t.Error("each step is told at once")
	}
	n.Pending, n.Ready, n.Message = false, true, "2 of 2"
	q.put(n)
	if got, ok, _ := q.take(at.Add(time.Second)); !ok || !got.Ready {
		t.Errorf("the end is not told: %+v", got)
	}
}

func TestRefusalsHaveAFormOfTheirOwn(t *testing.T) {
	n := Notice{Kind: Refusals, Name: "6f1c", Reason: "NotPlaced", Message: "refused 40 times: NotPlaced 40; by prod-eu"}
	for kind, want := range map[string]string{
		Slack:        `"text":":no_entry: key service of 6f1c: refused 40 times: NotPlaced 40; by prod-eu"`,
		Alertmanager: `"alertname":"BullaRefused","fleet":"6f1c"`,
		CloudEvents:  `"type":"dev.bulla.refusals"`,
	} {
		url, requests := receiver(t, http.StatusOK)
		s, _ := send(t, Provider{Type: kind, Address: url, Secret: []byte(secret), Severity: Error})
		s.Offer(n)
		if r := wait.Receive(t, "it is sent", requests); !strings.Contains(string(r.body), want) {
			t.Errorf("%s: %s\nwant %s", kind, r.body, want)
		}
	}
	if (Provider{Type: GitHub}).wants(n) {
		t.Error("a refusal is no status of a commit")
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
	s.Offer(broken())
	began, end := ends()
	if !end.After(time.Now().Add(time.Hour)) {
		t.Errorf("it ends at %s", end)
	}
	ready := broken()
	ready.Ready, ready.Reason, ready.Message = true, "ReconciliationSucceeded", "applied"
	s.Offer(ready)
	ended, end := ends()
	if diff := cmp.Diff(began, ended); diff != "" || end.After(time.Now()) {
		t.Errorf("its end is at %s, of another alert (-began +ended):\n%s", end, diff)
	}
}

func TestAReceiverThatFailsIsTriedAFewTimes(t *testing.T) {
	url, requests := receiver(t, 503, 429, 200)
	s, counts := send(t, Provider{Type: Slack, Address: url})
	s.Offer(broken())
	wait.Until(t, "it comes through", func() bool { return counts.of("slack sent") == 1 })
	if len(requests) != 3 {
		t.Errorf("%d requests", len(requests))
	}
	url, requests = receiver(t, 503)
	s, counts = send(t, Provider{Type: Slack, Address: url})
	s.Offer(broken())
	wait.Until(t, "it is given up", func() bool { return counts.of("slack failed") == 1 })
	if len(requests) != tries {
		t.Errorf("%d requests, want %d", len(requests), tries)
	}
	url, requests = receiver(t, 403)
	s, counts = send(t, Provider{Type: Slack, Address: url})
	s.Offer(broken())
	wait.Until(t, "it is given up", func() bool { return counts.of("slack failed") == 1 })
	if len(requests) != 1 {
		t.Errorf("a refusal is tried %d times", len(requests))
	}
}

// An object that two fight over, and a fleet that fails as one, must not fill a chat or
// the memory.
func TestAQueueFoldsAndIsBounded(t *testing.T) {
	q := newQueue(Provider{Type: Slack})
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

// TestWhoHearsOfFailuresAloneHearsOfTheNextOne: what failed and is well again may fail in
// the same way, at the same revision. That is another failure, an hour later.
func TestWhoHearsOfFailuresAloneHearsOfTheNextOne(t *testing.T) {
	q, at := newQueue(Provider{Type: Slack, Severity: Error}), time.Unix(0, 0)
	bad, good := broken(), broken()
	good.Ready, good.Reason = true, "ReconciliationSucceeded"
	take := func(after time.Duration, want bool, what string) {
		t.Helper()
		if n, ok, _ := q.take(at.Add(after)); ok != want || ok && n.Ready {
			t.Errorf("%s: told %v, %+v", what, ok, n)
		}
	}
	q.put(good)
	take(0, false, "one that was always well")
	q.put(bad)
	take(0, true, "it fails")
	q.put(good)
	q.put(bad)
	take(2*quiet, false, "it was well for a moment")
	q.put(good)
	take(3*quiet, false, "it is well")
	q.put(bad)
	take(3*quiet+time.Second, true, "it fails again")
	if len(q.waiting) > 0 || len(q.order) > 0 {
		t.Errorf("%v wait, in the order %v", q.waiting, q.order)
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
