package heads

import (
	"context"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// TestAnAgeIsWhatTheClockWentForward: whatever a clock does, only a look makes
// the head young again.
func TestAnAgeIsWhatTheClockWentForward(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		steps []time.Duration // of the clock
		want  time.Duration
	}{
		"a clock that goes":                      {[]time.Duration{time.Hour, time.Minute}, time.Hour + time.Minute},
		"a clock that is set back":               {[]time.Duration{time.Hour, -day}, time.Hour},
		"and goes on":                            {[]time.Duration{time.Hour, -day, time.Minute}, time.Hour + time.Minute},
		"a clock that is set back again":         {[]time.Duration{time.Hour, -time.Hour, time.Hour, -time.Hour}, 2 * time.Hour},
		"a clock that jumps ahead":               {[]time.Duration{year}, year},
		"a clock that jumps ahead by a lot":      {[]time.Duration{250 * year, time.Hour}, eternity},
		"a clock that jumps ahead again":         {[]time.Duration{90 * year, 90 * year, 90 * year, 90 * year}, eternity},
		"a clock that is put right after a jump": {[]time.Duration{year, -year}, year},
	} {
		now := start
		f := newFreshness(config.Repository{MaxAge: config.Duration(time.Hour)}, func() time.Time { return now })
		if f.age() != 0 {
			t.Errorf("%s: %s old before the first look", name, f.age())
		}
		f.verified("fleet", "main", "a1", now)
		for _, step := range c.steps {
			now = now.Add(step)
			f.age()
		}
		if got := f.age(); got != c.want {
			t.Errorf("%s: %s old, want %s", name, got, c.want)
		}
		f.verified("fleet", "main", "a1", now)
		if got := f.age(); got != 0 {
			t.Errorf("%s: %s old after a look", name, got)
		}
	}
}

// TestAnotherReplicasLookIsTakenOnceAndNeverMakesOlder: whatever its clock says.
func TestAnotherReplicasLookIsTakenOnceAndNeverMakesOlder(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		row  store.Look
		want time.Duration
	}{
		"a newer look":                        {store.Look{Hash: "a1", Number: 2, At: start.Add(50 * time.Minute)}, 10 * time.Minute},
		"of a clock that is ahead":            {store.Look{Hash: "a1", Number: 2, At: start.Add(time.Hour * 24)}, 0},
		"of a clock that is ahead, grown old": {store.Look{Hash: "a1", Number: 2, At: start.Add(time.Hour * 24), Age: 20 * time.Minute}, 20 * time.Minute},
		"of a clock that is behind":           {store.Look{Hash: "a1", Number: 2, At: start.Add(-time.Hour * 24)}, time.Hour},
		"the look that is known":              {store.Look{Hash: "a1", Number: 1, At: start.Add(59 * time.Minute)}, time.Hour},
		"a look at another head":              {store.Look{Hash: "b2", Number: 2, At: start.Add(59 * time.Minute)}, time.Hour},
	} {
		now := start
		f := newFreshness(config.Repository{}, func() time.Time { return now })
		f.begin(store.Head{Fleet: "fleet", Ref: "main", Hash: "a1", Accepted: start}, store.Look{Hash: "a1", Number: 1, At: start})
		now = now.Add(time.Hour)
		f.learn(c.row)
		if got := f.age(); got != c.want {
			t.Errorf("%s: %s old, want %s", name, got, c.want)
		}
		now = now.Add(-time.Hour) // the same row again, with the clock set back
		f.learn(c.row)
		if got := f.age(); got != c.want {
			t.Errorf("%s, read again: %s old, want %s", name, got, c.want)
		}
	}
}

// TestARowIsWrittenOnceInAWhile: looks come every 30 seconds.
func TestARowIsWrittenOnceInAWhile(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	f := newFreshness(config.Repository{Interval: config.Duration(30 * time.Second)}, func() time.Time { return now })
	writes := 0
	for range 20 {
		f.verified("fleet", "main", "a1", now)
		if look, _, is := f.due(); is {
			writes++
			look.Number = int64(writes)
			f.saved(look)
		}
		now = now.Add(30 * time.Second)
	}
	if writes != 10 {
		t.Errorf("the row was written %d times in ten minutes, want 10", writes)
	}
}

// noRows is a store in which nobody looked.
type noRows struct{ Rows }

// unseen is for what shows no metrics here.
type unseen struct{ Observer }

func (unseen) VerifiedLook(time.Time) {}

func (noRows) LastLook(context.Context, string, string) (store.Look, error) {
	return store.Look{}, store.ErrNotFound
}

// TestALookThatIsVerifiedWhileARequestAsks: there is a head to open at or a
// reason why not, whenever the look comes.
func TestALookThatIsVerifiedWhileARequestAsks(t *testing.T) {
	for moment := 1; moment <= 10; moment++ {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		readings, f := 0, (*freshness)(nil)
		f = newFreshness(config.Repository{MaxAge: config.Duration(time.Hour)}, func() time.Time {
			if readings++; readings == moment {
				f.look.Age = 0 // as verified does, under the lock that is held here
			}
			return now
		})
		f.look, f.read = store.Look{Hash: "a1", Age: 2 * time.Hour}, now
		h := New(Options{Rows: noRows{}, Observer: unseen{}, Now: func() time.Time { return now }})
		h.standing.fresh = f
		h.current.Store(&Head{Hash: "a1"})
		if found, err := h.Openable(t.Context()); (found == nil) == (err == nil) {
			t.Errorf("a look at reading %d of the clock: %v, %v; want a head or a reason", moment, found, err)
		}
	}
}

// TestARefusalIsAsOldAsItsFirstTip: whatever stands in the store, which may be out
// of reach.
func TestARefusalIsAsOldAsItsFirstTip(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := newRefusal(config.Repository{}, func() time.Time { return now })
	for _, tip := range []string{"b2", "c3", "", "b2"} {
		r.saw(store.RefusedTip{Fleet: "fleet", Ref: "main", Head: "a1", Tip: tip, Reason: "Any", Since: now})
		now = now.Add(time.Minute)
	}
	row, is := r.at("a1")
	if want := 4 * time.Minute; !is || row.Age != want || row.Tip != "b2" {
		t.Errorf("%+v (%v); want b2, and the first tip's age %s", row, is, want)
	}
	if _, is := r.at("b2"); is {
		t.Error("a refusal holds at another head")
	}
	r.over()
	if row, is := r.at("a1"); is {
		t.Errorf("a verified look left %+v", row)
	}
}
