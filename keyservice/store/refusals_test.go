package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// TestARefusalOnlyGrowsOlder: over a restart, another tip and a clock that was set
// back; it ends with its head, or when it is said to be over.
func TestARefusalOnlyGrowsOlder(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		withHead(t, s)
		since := time.Now().UTC().Truncate(time.Microsecond)
		first := store.RefusedTip{Fleet: fleet, Ref: "main", Head: "a1", Tip: "b2", Reason: "HistoryRewritten", Since: since,
			Age: time.Hour}
		must(t, s.KeepRefusal(ctx, first))
		later := first
		later.Tip, later.Reason, later.Since, later.Age = "c3", "InvalidFleet", since.Add(-time.Hour), time.Minute
		must(t, s.KeepRefusal(ctx, later))
		s.Close()
		s = e.open(t)
		got, err := s.LastRefusal(ctx, fleet, "main")
		must(t, err)
		want := first
		want.Tip, want.Reason = later.Tip, later.Reason
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after another tip (-want +got):\n%s", diff)
		}
		must(t, s.EndRefusal(ctx, fleet, "main", "zz"))
		if _, err := s.LastRefusal(ctx, fleet, "main"); err != nil {
			t.Errorf("the end at another head is taken for its own: %v", err)
		}
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "b2", Parent: "a1", Accepted: since})))
		if err := s.KeepRefusal(ctx, first); !errors.Is(err, store.ErrHeadMoved) {
			t.Errorf("recorded at a head that is not in force: %v", err)
		}
		must(t, s.EndRefusal(ctx, fleet, "main", "a1"))
		if _, err := s.LastRefusal(ctx, fleet, "main"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after the end: %v", err)
		}
	})
}
