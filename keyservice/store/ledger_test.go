package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	provisioned   = 2
	inUse         = 3
	deprovisioned = 4
)

// ledger is a store with one head, of the clusters given.
type ledger struct {
	*store.DB
	t    *testing.T
	now  time.Time
	head string
}

func newLedger(t *testing.T, e engine, clusters ...string) *ledger {
	t.Helper()
	l := &ledger{DB: e.open(t), t: t, now: time.Now().UTC().Truncate(time.Microsecond)}
	l.accept(clusters...)
	return l
}

// accept makes a head that has these clusters.
func (l *ledger) accept(clusters ...string) {
	l.t.Helper()
	before := l.head
	l.head += "a"
	addHead(l.t, l.DB, store.Head{Fleet: fleet, Ref: "main", Hash: l.head, Parent: before, Accepted: l.now})
	l.sync(l.head, clusters...)
}

func (l *ledger) sync(head string, clusters ...string) {
	l.t.Helper()
	identities := map[string]string{}
	for _, name := range clusters {
		identities[name] = "sha256:" + name
	}
	if err := l.SyncMembers(l.t.Context(), store.Head{Fleet: fleet, Ref: "main", Hash: head}, identities,
		l.now); err != nil {
		l.t.Fatal(err)
	}
}

func (l *ledger) report(r store.LedgerReport, secrets ...store.LedgerSecret) (wanted bool, err error) {
	l.t.Helper()
	r.Fleet, r.Head, r.At, r.Secrets = fleet, l.head, l.now, secrets
	if r.Cluster == "" {
		r.Cluster = "prod-eu"
	}
	err = l.Do(l.t.Context(), l.Report(r, &wanted))
	return wanted, err
}

func (l *ledger) states(cluster string) map[string]int32 {
	l.t.Helper()
	secrets, err := l.Ledger(l.t.Context(), fleet, cluster)
	if err != nil {
		l.t.Fatal(err)
	}
	states := map[string]int32{}
	for _, s := range secrets {
		states[s.Name] = s.State
	}
	return states
}

func secret(name string, state int32, digest string) store.LedgerSecret {
	return store.LedgerSecret{Namespace: "payments", Name: name, Placement: "payments", State: state, Digest: digest,
		Workloads: []string{}}
}

func TestTheLedgerKeepsWhatACompleteReportSaid(t *testing.T) {
	onBothEngines(t, theLedgerKeepsWhatACompleteReportSaid)
}

func theLedgerKeepsWhatACompleteReportSaid(t *testing.T, e engine) {
	l := newLedger(t, e, "prod-eu", "prod-us")
	if wanted, err := l.report(store.LedgerReport{}, secret("db", provisioned, "d1")); err != nil || !wanted {
		t.Fatalf("a first report: wanted %v, %v", wanted, err)
	}
	if wanted, err := l.report(store.LedgerReport{Complete: true}, secret("db", inUse, "d1"), secret("api", inUse, "d2"),
		secret("old", deprovisioned, "d3")); err != nil || wanted {
		t.Fatalf("a complete report: wanted %v, %v", wanted, err)
	}
	since := l.now
	l.now = l.now.Add(time.Hour)
	if wanted, err := l.report(store.LedgerReport{}); err != nil || wanted {
		t.Fatalf("a sign of life: wanted %v, %v", wanted, err)
	}
	// In two parts, without db: what is gone stays gone, what is missing is unknown.
	if _, err := l.report(store.LedgerReport{Complete: true, More: true}, secret("api", inUse, "")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int32{"db": inUse, "api": inUse, "old": deprovisioned},
		l.states("prod-eu")); diff != "" {
		t.Errorf("in the middle of a report (-want +got):\n%s", diff)
	}
	if _, err := l.report(store.LedgerReport{Complete: true, Part: 1}, secret("web", provisioned, "d4")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int32{"db": 0, "api": inUse, "old": deprovisioned, "web": provisioned},
		l.states("prod-eu")); diff != "" {
		t.Errorf("at its end (-want +got):\n%s", diff)
	}
	secrets, err := l.Ledger(t.Context(), fleet, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := secrets[0]; got.Name != "api" || got.Digest != "d2" || !got.Since.Equal(since) ||
		!got.Reported.Equal(l.now) || !got.NeverPlaced {
		t.Errorf("api: %+v", got)
	}
	// What is gone or unknown for long is forgotten.
	l.now = l.now.Add(91 * 24 * time.Hour)
	if _, err := l.report(store.LedgerReport{Complete: true}, secret("api", inUse, "")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int32{"api": inUse, "web": 0}, l.states("prod-eu")); diff != "" {
		t.Errorf("after 91 days (-want +got):\n%s", diff)
	}
}

func TestAReportTouchesNoOtherCluster(t *testing.T) { onBothEngines(t, aReportTouchesNoOtherCluster) }

func aReportTouchesNoOtherCluster(t *testing.T, e engine) {
	l := newLedger(t, e, "prod-eu", "prod-us")
	if _, err := l.report(store.LedgerReport{Cluster: "prod-us", Complete: true}, secret("db", inUse, "d1")); err != nil {
		t.Fatal(err)
	}
	before, err := l.Members(t.Context(), fleet)
	if err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(100 * 24 * time.Hour)
	for range 3 { // each begins a round, and ends what is of an earlier one
		if _, err := l.report(store.LedgerReport{Cluster: "prod-eu", Complete: true},
			secret("db", deprovisioned, "d1")); err != nil {
			t.Fatal(err)
		}
	}
	after, err := l.Members(t.Context(), fleet)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before["prod-us"], after["prod-us"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int32{"db": inUse}, l.states("prod-us")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAReportThatIsRepeatedChangesNothing(t *testing.T) {
	onBothEngines(t, aReportThatIsRepeatedChangesNothing)
}

func aReportThatIsRepeatedChangesNothing(t *testing.T, e engine) {
	l := newLedger(t, e, "prod-eu")
	var before []store.LedgerSecret
	for n := range 3 {
		if _, err := l.report(store.LedgerReport{Complete: n > 0}, secret("db", inUse, "d1"),
			secret("old", deprovisioned, "d2")); err != nil {
			t.Fatal(err)
		}
		after, err := l.Ledger(t.Context(), fleet, "prod-eu")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(store.LedgerSecret{}, "Reported")); n > 0 && diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		before, l.now = after, l.now.Add(time.Minute)
	}
}

func TestALedgerThatIsFullTakesNothing(t *testing.T) { onBothEngines(t, aLedgerThatIsFullTakesNothing) }

func aLedgerThatIsFullTakesNothing(t *testing.T, e engine) {
	l := newLedger(t, e, "prod-eu")
	var secrets []store.LedgerSecret
	for n := range store.MaxLedgerSecrets {
		secrets = append(secrets, secret(fmt.Sprintf("s%d", n), provisioned, "d"))
	}
	if _, err := l.report(store.LedgerReport{Complete: true}, secrets...); err != nil {
		t.Fatal(err)
	}
	secrets[0].State = inUse
	if _, err := l.report(store.LedgerReport{}, secrets[0], secret("one-more", provisioned, "d")); !errors.Is(err,
		store.ErrLedgerFull) {
		t.Fatalf("%v, want ErrLedgerFull", err)
	}
	states := l.states("prod-eu")
	if _, there := states["one-more"]; there || states["s0"] != provisioned || len(states) != store.MaxLedgerSecrets {
		t.Errorf("a part of the report was taken: %d rows, s0 is %d", len(states), states["s0"])
	}
	if _, err := l.report(store.LedgerReport{}, secrets[0]); err != nil {
		t.Errorf("what it has: %v", err)
	}
}

func TestWhoLeftIsRememberedWithTheTime(t *testing.T) {
	onBothEngines(t, whoLeftIsRememberedWithTheTime)
}

func whoLeftIsRememberedWithTheTime(t *testing.T, e engine) {
	l := newLedger(t, e, "prod-eu", "prod-us")
	if _, err := l.report(store.LedgerReport{Complete: true}, secret("db", inUse, "d1")); err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(time.Hour)
	left := l.now
	l.accept("prod-us")
	l.now = l.now.Add(time.Hour)
	l.accept("prod-us")
	l.sync("a", "prod-eu", "prod-us") // a head of before, late
	m, err := l.Member(t.Context(), fleet, "prod-eu")
	if err != nil || !m.Left.Equal(left) || m.Identity != "sha256:prod-eu" {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, err := l.Member(t.Context(), fleet, "never"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("who never was there: %v", err)
	}
	// Back with the same key, and it need not say everything again; with another
	// one it must.
	l.accept("prod-eu", "prod-us")
	if m, err = l.Member(t.Context(), fleet, "prod-eu"); err != nil || !m.Left.IsZero() {
		t.Fatalf("back again: %+v, %v", m, err)
	}
	if wanted, err := l.report(store.LedgerReport{}); err != nil || wanted {
		t.Errorf("back again: wanted %v, %v", wanted, err)
	}
	head := l.head
	addHead(t, l.DB, store.Head{Fleet: fleet, Ref: "main", Hash: "new", Parent: head, Accepted: l.now})
	if err := l.SyncMembers(t.Context(), store.Head{Fleet: fleet, Ref: "main", Hash: "new"},
		map[string]string{"prod-eu": "sha256:other"}, l.now); err != nil {
		t.Fatal(err)
	}
	if wanted, err := l.report(store.LedgerReport{}); err != nil || !wanted {
		t.Errorf("rebuilt under its name: wanted %v, %v", wanted, err)
	}
}

func addHead(t *testing.T, s *store.DB, h store.Head) {
	t.Helper()
	if err := s.Do(t.Context(), s.AddHead(h)); err != nil {
		t.Fatal(err)
	}
}
