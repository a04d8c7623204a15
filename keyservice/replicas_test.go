package keyservice_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/postgres"
	"github.com/bulla-dev/bulla/fixtures/proxy"
	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// sharedFixture is a fixture whose state is in PostgreSQL, for replicas.
func sharedFixture(t testing.TB, prepare ...func(*world)) *fixture {
	t.Helper()
	server := postgres.ForTest(t)
	database := func(w *world) { w.database = server.URL(server.Database(t)) }
	return newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, append(prepare, database)...))
}

// replica is another service of the fleet, with a token worker, a mirror and
// connections to the database of its own.
func (f *fixture) replica(prepare ...func(*world)) *fixture {
	f.t.Helper()
	r := &world{t: f.t, dir: f.t.TempDir(), fleet: f.fleet, rootKey: f.rootKey, token: f.token, made: f.made,
		repo: f.repo, git: f.git, logs: &logBuffer{}, refresh: f.refresh, database: f.database}
	for _, change := range prepare {
		change(r)
	}
	config := f.token.Config(f.fleet)
	config.Sessions = 2
	var err error
	if r.worker, err = hsm.Start(f.t.Context(), config, nil); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(r.worker.Close)
	r.rows = r.openStore()
	r.start(2)
	other := *f
	other.world = r
	other.eu, other.us = f.eu.at(r), f.us.at(r)
	return &other
}

// at is the same cluster, asking another replica.
func (m *member) at(r *world) *member {
	other := *m
	other.w, other.client = r, client.New(r.url, m.credentials.Certificate, m.credentials.CA, m.log)
	r.t.Cleanup(other.client.Close)
	return &other
}

// revoke takes the application off the cluster.
func (f *fixture) revoke() (head string) {
	f.t.Helper()
	return f.commit(map[string]string{"placements/payments.yaml": placementFile("payments", "payments", "cluster/prod-us")})
}

// grantsAfter counts the grants of a digest that stand in the log after a head.
func (f *fixture) grantsAfter(head, digest string) (n int) {
	f.t.Helper()
	accepted := false
	for _, leaf := range f.leaves() {
		e := parse(f.t, leaf.Entry)
		accepted = accepted || e.Kind == audit.Head && e.Outcome == "Done" && e.Head == head
		if accepted && e.Kind == audit.Unseal && e.Outcome == "Granted" && e.Digest == digest {
			n++
		}
	}
	if !accepted {
		f.t.Fatalf("head %s is not in the log: the count shows nothing", head)
	}
	return n
}

func TestAReplicaThatIsBehindGrantsNothing(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := sharedFixture(t)
	remote, err := url.Parse(f.repo.URL())
	if err != nil {
		t.Fatal(err)
	}
	git := remote.Host
	wire := proxy.ForTest(t, git)
	remote.Host = wire.Address()
	behind := f.replica(func(w *world) { w.remote = remote.String() })
	if _, result := behind.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatalf("before: %v", result.Refusal)
	}
	wire.SetTargets() // it cannot reach Git any more
	wire.CutAll()
	head := f.revoke()
	if _, result := f.eu.unseal(head, f.digest); result.Granted() {
		t.Fatal("the replica that is ahead grants what was revoked")
	}
	_, err = behind.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
	if !errors.Is(err, client.ErrUnavailable) {
		t.Fatalf("the replica that is behind: %v, want Unavailable", err)
	}
	if behind.isReady() {
		t.Error("the replica that is behind is ready")
	}
	wire.SetTargets(git)
	behind.eventually("it catches up by itself", behind.isReady)
	answers, result := behind.eu.unseal(f.head, f.digest)
	if result.Granted() || answers.Head != head {
		t.Errorf("after it caught up: %v at %s, want a refusal at %s", result.Refusal, answers.Head, head)
	}
	if n := f.grantsAfter(head, f.digest); n != 0 {
		t.Errorf("%d grants after the head that revoked", n)
	}
}

// pausing calls a function once, before an append that it is armed for.
type pausing struct {
	keyservice.Store
	before atomic.Pointer[func()]
}

func (p *pausing) AppendLog(ctx context.Context, fleet string, groups [][]store.Change, build func(*store.Appending) (store.Appended, error)) error {
	if f := p.before.Swap(nil); f != nil {
		(*f)()
	}
	return p.Store.AppendLog(ctx, fleet, groups, build)
}

func TestAHeadThatAnotherReplicaAcceptsMeanwhileDecides(t *testing.T) {
	p := &pausing{}
	f := sharedFixture(t, func(w *world) {
		w.between = func(s keyservice.Store) keyservice.Store { p.Store = s; return p }
	})
	other := f.replica()
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Fatalf("before: %v", result.Refusal)
	}
	var head string
	revoked := func() {
		head = f.revoke()
		if answers, result := other.eu.unseal(head, f.digest); result.Granted() || answers.Head != head {
			t.Errorf("the other replica: %v at %s", result.Refusal, answers.Head)
		}
	}
	// The token has opened the blocks, and the decision is about to be recorded.
	p.before.Store(&revoked)
	answers, result := f.eu.unseal(f.head, f.digest)
	if head == "" {
		t.Fatal("nothing was revoked: the test shows nothing")
	}
	if result.Granted() || answers.Head != head {
		t.Errorf("%v at %s, want a refusal at %s", result.Refusal, answers.Head, head)
	}
	if n := f.grantsAfter(head, f.digest); n != 0 {
		t.Errorf("%d grants after the head that revoked", n)
	}
}

func TestReplicasThatSeeAPushAtOnceAcceptItOnce(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := sharedFixture(t)
	replicas := []*fixture{f, f.replica(), f.replica()}
	pushed := map[string]bool{}
	for n := range 5 {
		head := f.commit(map[string]string{"apps/payments/readme.md": strings.Repeat("x", n+1)})
		pushed[head] = true
		var group sync.WaitGroup
		for _, r := range replicas {
			group.Go(func() {
				answers, err := r.eu.client.Unseal(t.Context(), head, []string{f.digest})
				if err != nil || answers.Head != head || !answers.Results[f.digest].Granted() {
					t.Errorf("push %d: %v, %+v", n, err, answers)
				}
			})
		}
		group.Wait()
	}
	seen := map[string]bool{}
	for _, e := range f.recorded(audit.Head) {
		if seen[e.Head] || e.Outcome != "Done" {
			t.Errorf("%s of head %s is recorded again", e.Outcome, e.Head)
		}
		seen[e.Head] = true
	}
	for head := range pushed {
		if !seen[head] {
			t.Errorf("head %s is not recorded", head)
		}
	}
}

func TestAJoinTokenIsSpentOnceOverReplicas(t *testing.T) {
	f := sharedFixture(t)
	replicas := []*fixture{f, f.replica(), f.replica()}
	for range 3 {
		token := f.joinToken("new", time.Hour)
		var spent atomic.Int64
		var group sync.WaitGroup
		for n := range 6 {
			group.Go(func() {
				at := replicas[n%len(replicas)]
				mine := token
				mine.URL = at.url
				if _, err := client.Enroll(t.Context(), newMember(at.world, "new").options(mine)); err == nil {
					spent.Add(1)
				}
			})
		}
		group.Wait()
		// Only the newest challenge can be answered: a race may leave none.
		if spent.Load() > 1 {
			t.Fatalf("%d enrolments with one token", spent.Load())
		}
	}
}

func TestAHeadThatOnlyTheDatabaseVouchesForIsNotTaken(t *testing.T) {
	f := sharedFixture(t)
	f.settle(f.head)
	f.head = f.commit(map[string]string{"fleet.yaml": f.fleetSigned(signer.SSH(t, "ada@acme.example"))})
	f.settle(f.head)
	f.signs(nil)
	tip := f.grantTo("set/all") // pushed, and refused: nobody signed it
	last, err := f.rows.LastHead(t.Context(), f.fleet, "main")
	if err != nil {
		t.Fatal(err)
	}
	last.Parent, last.Hash = last.Hash, tip
	if err := f.rows.Do(t.Context(), f.rows.AddHead(last)); err != nil {
		t.Fatal(err)
	}
	if answers, err := f.us.client.Unseal(t.Context(), tip, []string{f.digest}); !errors.Is(err, client.ErrUnavailable) {
		t.Fatalf("%v, %+v, want Unavailable", err, answers)
	}
	if ready := f.get("/readyz"); !strings.Contains(ready, v1alpha1.CommitNotVerifiedReason) {
		t.Errorf("readiness does not say why:\n%s", ready)
	}
}

func TestACheckpointOfOneReplicaHoldsAtTheOthers(t *testing.T) {
	f := sharedFixture(t)
	replicas := []*fixture{f, f.replica(), f.replica()}
	for n := range 9 {
		at := replicas[n%len(replicas)]
		if _, result := at.eu.unseal(f.head, f.digest); !result.Granted() {
			t.Fatalf("request %d: %v", n, result.Refusal)
		}
	}
	if n := f.grantsAfter(f.head, f.digest); n != 9 {
		t.Errorf("%d grants in the log, want 9", n)
	}
	f.checkLog()
}
