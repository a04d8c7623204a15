package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

func known(serial int64) sealing.Known {
	return sealing.Known{Serial: serial, Digest: "sha256:d", RootKey: "acme+2", Pinned: "acme+1"}
}

func TestWhatIsKnownOfTheFleetIsOfTheLastHeadOnWhateverRef(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		got, err := s.KnownFleet(ctx, fleet)
		must(t, err)
		if got != (sealing.Known{}) {
			t.Errorf("an empty store knows %+v", got)
		}
		now := time.Now()
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now, Known: known(3)})))
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "release", Hash: "r1", Accepted: now, Known: known(4)})))
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: "another", Ref: "main", Hash: "x1", Accepted: now, Known: known(9)})))
		// A head that is not recorded makes nothing known.
		fork := store.Head{Fleet: fleet, Ref: "main", Hash: "c3", Parent: "nothing", Accepted: now, Known: known(7)}
		if err := s.Do(ctx, s.AddHead(fork)); !errors.Is(err, store.ErrHeadMoved) {
			t.Fatalf("fork: %v, want ErrHeadMoved", err)
		}
		s.Close()
		got, err = e.open(t).KnownFleet(ctx, fleet)
		must(t, err)
		if diff := cmp.Diff(known(4), got); diff != "" {
			t.Errorf("after reopening (-want +got):\n%s", diff)
		}
	})
}

func TestHeadsSinceHasTheOneThatWasInForceThen(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		start := time.Now().Truncate(time.Microsecond)
		parent := ""
		for day, hash := range []string{"a", "b", "c", "d"} {
			must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: hash, Parent: parent,
				Accepted: start.AddDate(0, 0, day)})))
			parent = hash
		}
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "release", Hash: "r", Accepted: start.AddDate(0, 0, 9)})))
		for name, c := range map[string]struct {
			since time.Time
			want  []string
		}{
			"before the first":  {start.AddDate(0, 0, -1), []string{"d", "c", "b", "a"}},
			"between two":       {start.AddDate(0, 0, 2).Add(-time.Hour), []string{"d", "c", "b"}},
			"just as one began": {start.AddDate(0, 0, 2), []string{"d", "c", "b"}},
			"after the last":    {start.AddDate(0, 0, 5), []string{"d"}},
		} {
			heads, err := s.HeadsSince(ctx, fleet, "main", c.since)
			must(t, err)
			var got []string
			for _, h := range heads {
				got = append(got, h.Hash)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
