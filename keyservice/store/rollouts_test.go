package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// TestThatAWavePassedIsNeverTakenBack: the memory by which a revert waits for nobody. It
// outlives the process, on both engines, whichever replica writes last.
func TestThatAWavePassedIsNeverTakenBack(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		now := time.Now().UTC().Truncate(time.Microsecond)
		stood := store.Wave{Of: "set/eu", Since: now}
		must(t, s.Do(ctx, s.PutWave(fleet, "shop", "r1", stood)))
		passed := store.Wave{Of: "set/eu", Since: now, Passed: now.Add(time.Hour)}
		must(t, s.Do(ctx, s.PutWave(fleet, "shop", "r1", passed), s.PutWave(fleet, "shop", "r1", store.Wave{Of: "rest"})))
		late := e.open(t)
		must(t, late.Do(ctx, late.PutWave(fleet, "shop", "r1", store.Wave{Of: "set/eu"})))
		s.Close()
		got, err := e.open(t).Waves(ctx, fleet, "shop", "r1")
		must(t, err)
		want := map[string]store.Wave{"set/eu": {Of: "set/eu", Passed: passed.Passed}, "rest": {Of: "rest"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after reopening (-want +got):\n%s", diff)
		}
	})
}

// TestAPromotionHasAnEnd: it outlives the process, on both engines. Who has not heard of it
// takes nothing back, and what passed by itself stays.
func TestAPromotionHasAnEnd(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		now := time.Now().UTC().Truncate(time.Microsecond)
		put := func(w store.Wave) { t.Helper(); must(t, s.Do(ctx, s.PutWave(fleet, "shop", "r1", w))) }
		shows := func(what string, want store.Wave) {
			t.Helper()
			got, err := e.open(t).Waves(ctx, fleet, "shop", "r1")
			must(t, err)
			if diff := cmp.Diff(map[string]store.Wave{"rest": want}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		promoted := store.Wave{Of: "rest", Passed: now, Until: now.Add(time.Hour)}
		put(promoted)
		shows("promoted", promoted)
		if !promoted.HasPassed(now) || promoted.HasPassed(now.Add(time.Hour)) {
			t.Error("it does not count until its end, and no longer")
		}
		put(store.Wave{Of: "rest", Since: now})
		promoted.Since = now
		shows("a replica that has not heard of it", promoted)
		again := store.Wave{Of: "rest", Passed: now.Add(2 * time.Hour), Until: now.Add(3 * time.Hour)}
		put(again)
		shows("promoted again", again)
		put(promoted)
		kept := again
		kept.Since = now
		shows("a replica that read the one before", kept)
		by := store.Wave{Of: "rest", Since: now, Passed: now.Add(time.Minute)}
		put(by)
		shows("passed by itself", by)
		put(again)
		by.Since = time.Time{}
		shows("promoted afterwards", by)
	})
}

// TestAPauseOfARolloutEndsByItself: it outlives the process, on both engines, the later
// word counts, and what is over is kept no longer than the next word.
func TestAPauseOfARolloutEndsByItself(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		now := time.Now().UTC().Truncate(time.Microsecond)
		pause := func(placement, reason string, length time.Duration) store.Pause {
			return store.Pause{Placement: placement, Reason: reason, Person: "olga", Since: now, Until: now.Add(length)}
		}
		shows := func(at time.Time, want ...store.Pause) {
			t.Helper()
			got, err := e.open(t).Pauses(ctx, fleet, at)
			must(t, err)
			all := map[string]store.Pause{}
			for _, p := range want {
				all[p.Placement] = p
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		}
		shop, bank := pause("shop", "INC-1", time.Hour), pause("bank", "INC-2", 3*time.Hour)
		must(t, s.Do(ctx, s.PutPause(fleet, shop), s.PutPause(fleet, bank), s.PutPause("another", shop)))
		shows(now, shop, bank)
		shows(now.Add(time.Hour), bank)
		shop = pause("shop", "INC-3", 2*time.Hour)
		must(t, s.Do(ctx, s.PutPause(fleet, shop)))
		shows(now.Add(time.Hour), shop, bank)
		must(t, s.Do(ctx, s.PutPause(fleet, pause("bank", "", 0))))
		s.Close()
		shows(now, shop)
	})
}

// TestWhatIsKeptOfWavesIsBounded: of releases that nobody asked for since nothing is left,
// and of others everything.
func TestWhatIsKeptOfWavesIsBounded(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		now := time.Now().UTC().Truncate(time.Microsecond)
		old, recent := now.AddDate(-2, 0, 0), now.AddDate(0, -1, 0)
		for placement, releases := range map[string]map[string]time.Time{
			"shop": {"now": old, "old": old, "recent": recent}, "bank": {"old": old},
		} {
			for release, at := range releases {
				must(t, s.Do(ctx, s.PutWave(fleet, placement, release, store.Wave{Of: "rest", Since: at, Passed: at})))
			}
		}
		must(t, s.Do(ctx, s.ForgetWaves(fleet, "shop", "now", now.AddDate(-1, 0, 0))))
		for _, row := range []struct {
			placement, release string
			kept               int
		}{{"shop", "now", 1}, {"shop", "recent", 1}, {"shop", "old", 0}, {"bank", "old", 1}} {
			waves, err := s.Waves(ctx, fleet, row.placement, row.release)
			must(t, err)
			if len(waves) != row.kept {
				t.Errorf("%s of %s: %d waves are kept, want %d", row.release, row.placement, len(waves), row.kept)
			}
		}
	})
}
