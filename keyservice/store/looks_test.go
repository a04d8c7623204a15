package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// lookAt is a look at head a1, which withHead accepts.
func lookAt(at time.Time) store.Look {
	return store.Look{Fleet: fleet, Ref: "main", Hash: "a1", At: at}
}

func withHead(t *testing.T, s *store.DB) {
	t.Helper()
	must(t, s.Do(t.Context(), s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: time.Now()})))
}

func TestTheNewestLookIsTheOneRecordedLastWhateverItsClockSays(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		withHead(t, s)
		if _, err := s.LastLook(ctx, fleet, "main"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("before the first: %v, want ErrNotFound", err)
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		ahead, behind := lookAt(now.AddDate(1, 0, 0)), lookAt(now)
		for n, look := range []store.Look{ahead, behind} {
			if number, err := s.AddLook(ctx, look); err != nil || number != int64(n+1) {
				t.Fatalf("look %d got number %d: %v", n+1, number, err)
			}
		}
		must(t, s.AgeLook(ctx, store.Look{Fleet: fleet, Ref: "main", Hash: "a1", Number: 1, At: ahead.At, Age: time.Hour}))
		s.Close()
		got, err := e.open(t).LastLook(ctx, fleet, "main")
		must(t, err)
		behind.Number = 2
		if diff := cmp.Diff(behind, got); diff != "" {
			t.Errorf("after reopening (-want +got):\n%s", diff)
		}
	})
}

func TestALookOnlyGrowsOlder(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		withHead(t, s)
		look := lookAt(time.Now().UTC().Truncate(time.Microsecond))
		var err error
		look.Number, err = s.AddLook(ctx, look)
		must(t, err)
		for _, age := range []time.Duration{2 * time.Hour, time.Hour} {
			look.Age = age
			must(t, s.AgeLook(ctx, look))
		}
		got, err := s.LastLook(ctx, fleet, "main")
		must(t, err)
		if got.Age != 2*time.Hour {
			t.Errorf("it is %s old, want 2h", got.Age)
		}
	})
}

func TestALookAtAHeadThatWasReplacedIsNotRecorded(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		withHead(t, s)
		old := lookAt(time.Now())
		number, err := s.AddLook(ctx, old)
		must(t, err)
		accepted := time.Now().UTC().Truncate(time.Microsecond)
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "b2", Parent: "a1", Accepted: accepted})))
		old.Number, old.Age = number, time.Hour
		if _, err := s.AddLook(ctx, old); !errors.Is(err, store.ErrHeadMoved) {
			t.Errorf("a new one: %v, want ErrHeadMoved", err)
		}
		if err := s.AgeLook(ctx, old); !errors.Is(err, store.ErrHeadMoved) {
			t.Errorf("its age: %v, want ErrHeadMoved", err)
		}
		// The acceptance of the new head is the look at it, until one is recorded.
		fresh := store.Look{Fleet: fleet, Ref: "main", Hash: "b2", Number: number, At: accepted, Age: time.Minute}
		must(t, s.AgeLook(ctx, fresh))
		fresh.Number++
		got, err := s.LastLook(ctx, fleet, "main")
		must(t, err)
		if diff := cmp.Diff(fresh, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestReplicasThatLookAtOnceGetNumbersOfTheirOwn(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		handles := e.replicas(t, 3)
		withHead(t, handles[0])
		var seen sync.Map
		race(handles, 4, func(s *store.DB, _ int) {
			number, err := s.AddLook(t.Context(), lookAt(time.Now()))
			if _, twice := seen.LoadOrStore(number, true); err != nil || twice {
				t.Errorf("number %d, given twice: %v; %v", number, twice, err)
			}
		})
	})
}

// lookWrites are the writes of this file, for [writes].
func lookWrites() []write {
	look := lookAt(time.Now())
	last := func(t *testing.T, s *store.DB) store.Look {
		l, err := s.LastLook(t.Context(), fleet, "main")
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return l
	}
	return []write{
		{name: "AddLook", prepare: withHead, do: func(ctx context.Context, s *store.DB) error {
			_, err := s.AddLook(ctx, look)
			return err
		}, done: func(t *testing.T, s *store.DB) bool { return last(t, s).Hash == "a1" }},
		{name: "AgeLook", prepare: func(t *testing.T, s *store.DB) {
			withHead(t, s)
			_, err := s.AddLook(t.Context(), look)
			must(t, err)
		}, do: func(ctx context.Context, s *store.DB) error {
			older := look
			older.Number, older.Age = 1, time.Hour
			return s.AgeLook(ctx, older)
		}, done: func(t *testing.T, s *store.DB) bool { return last(t, s).Age == time.Hour }},
	}
}
