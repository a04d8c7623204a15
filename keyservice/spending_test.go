package keyservice_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// moving has another replica accept a head before an append, as often as it is
// told: what was decided meanwhile is thrown away.
type moving struct {
	keyservice.Store
	times  atomic.Int64
	accept func()
	// asked counts what the token was asked: an append of something else is let
	// pass, however long the attempt takes.
	asked func() uint64
	seen  atomic.Uint64
}

func (m *moving) AppendLog(ctx context.Context, fleet string, groups [][]store.Change, build func(*store.Appending) (store.Appended, error)) error {
	if m.times.Load() > 0 && m.seen.Swap(m.asked()) != m.asked() && m.times.Add(-1) >= 0 {
		m.accept()
	}
	return m.Store.AppendLog(ctx, fleet, groups, build)
}

// movingFixture has heads accepted that change files as next says.
func movingFixture(t *testing.T, next func(f *fixture, n int) map[string]string) (f *fixture, race func(times int)) {
	t.Helper()
	m := &moving{}
	f = newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) {
		w.between = func(s keyservice.Store) keyservice.Store { m.Store = s; return m }
	}))
	f.settle(f.head)
	n := 0
	m.accept = func() {
		n++
		last, err := f.rows.LastHead(context.Background(), f.fleet, "main")
		if err != nil {
			t.Error(err)
			return
		}
		f.head = f.commit(next(f, n))
		last.Parent, last.Hash = last.Hash, f.head
		if err := f.rows.Do(context.Background(), f.rows.AddHead(last)); err != nil {
			t.Error(err)
		}
	}
	m.asked = func() uint64 {
		calls, err := f.token.Calls()
		if err != nil {
			t.Error(err)
		}
		return calls["C_DeriveKey"]
	}
	return f, func(times int) {
		m.seen.Store(m.asked())
		m.times.Store(int64(times))
	}
}

// charged is how many operations the entries of a cluster's requests answer for.
func (w *world) charged() (operations uint64) {
	for _, e := range w.allRecorded() {
		if e.Kind == audit.Unseal || e.Kind == audit.Rewrap || e.Kind == audit.Coalesce {
			operations += uint64(e.Operations)
		}
	}
	return operations
}

func TestWhatTheTokenDidForAThrownAwayAttemptStandsInTheEntry(t *testing.T) {
	same := func(_ *fixture, n int) map[string]string {
		return map[string]string{"apps/payments/readme.md": strings.Repeat("x", n)}
	}
	for name, c := range map[string]struct {
		next    func(*fixture, int) map[string]string
		outcome string
		// operations of the last entry: the stub has two blocks.
		operations int
	}{
		"and the next attempt grants": {same, "Granted", 4},
		"and the next attempt finds it revoked": {func(*fixture, int) map[string]string {
			return map[string]string{"placements/payments.yaml": placementFile("payments", "payments", "cluster/prod-us")}
		}, "StaleRevision", 2},
		"and the next attempt finds the cluster out of the fleet": {func(f *fixture, _ int) map[string]string {
			return map[string]string{f.eu.path(): ""}
		}, keyservicev1.ReasonNotInFleet, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f, race := movingFixture(t, c.next)
			before, charged := f.operations(), f.charged()
			race(1)
			_, _ = f.eu.client.Unseal(t.Context(), f.head, []string{f.digest}) // the entry says what became of it
			var last audit.Entry
			for _, e := range f.recorded(audit.Unseal) {
				if e.Digest == f.digest {
					last = e
				}
			}
			if last.Outcome != c.outcome || last.Operations != c.operations || last.Head != f.head {
				t.Errorf("%s with %d operations at %s, want %s with %d at %s", last.Outcome, last.Operations, last.Head, c.outcome, c.operations, f.head)
			}
			if asked, stand := f.operations()-before, f.charged()-charged; asked != stand || asked == 0 {
				t.Errorf("the token was asked %d times, and the log answers for %d", asked, stand)
			}
		})
	}
}

func TestWhatTheTokenDidForARequestThatIsNeverRecordedIsCounted(t *testing.T) {
	lost := func(n int) string { return fmt.Sprintf(`bulla_keyservice_token_operations_total{result="lost"} %d`, n) }
	check := func(t *testing.T, f *fixture, err error, asked, stood uint64, operations int) {
		t.Helper()
		if !errors.Is(err, client.ErrUnavailable) {
			t.Fatalf("%v, want ErrUnavailable", err)
		}
		if !strings.Contains(f.get("/metrics"), lost(operations)) || !strings.Contains(f.logs.String(), fmt.Sprintf(`"operations":%d`, operations)) {
			t.Errorf("metric and log do not count %d operations", operations)
		}
		asked = f.operations() - asked
		f.stop() // counts are recorded
		if stands := f.charged() - stood; stands != asked || asked != uint64(operations) {
			t.Errorf("the token was asked %d times, the log answers for %d, want %d", asked, stands, operations)
		}
	}
	t.Run("because heads move faster than it is decided", func(t *testing.T) {
		f, race := movingFixture(t, func(_ *fixture, n int) map[string]string {
			return map[string]string{"apps/payments/readme.md": strings.Repeat("x", n)}
		})
		asked, stood := f.operations(), f.charged()
		race(3)
		_, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
		race(0)
		check(t, f, err, asked, stood, 6)
	})
	t.Run("because the disk is full", func(t *testing.T) {
		f := newFixture(t)
		f.settle(f.head)
		asked, stood := f.operations(), f.charged()
		f.execStore(`CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(FAIL, 'disk full'); END`)
		_, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
		f.execStore("DROP TRIGGER full")
		check(t, f, err, asked, stood, 2)
	})
	t.Run("a rewrap", func(t *testing.T) {
		f := newRotated(t)
		asked, stood := f.operations(), f.charged()
		f.execStore(`CREATE TRIGGER full BEFORE INSERT ON leaves WHEN NEW.kind = 'Rewrap' BEGIN SELECT RAISE(FAIL, 'disk full'); END`)
		_, err := f.operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: []string{f.digest}})
		f.execStore("DROP TRIGGER full")
		check(t, f.fixture, err, asked, stood, 2)
	})
}
