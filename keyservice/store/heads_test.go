package store_test

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

func TestHeadsGoForwardOnly(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		if _, err := s.LastHead(ctx, fleet, "main"); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("empty store: %v, want ErrNotFound", err)
		}
		now := time.Now().UTC().Truncate(time.Microsecond)
		second := store.Head{Fleet: fleet, Ref: "main", Hash: "b2", Parent: "a1", Accepted: now}
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now})))
		must(t, s.Do(ctx, s.AddHead(second)))
		fork := store.Head{Fleet: fleet, Ref: "main", Hash: "c3", Parent: "a1", Accepted: now}
		if err := s.Do(ctx, s.AddHead(fork)); !errors.Is(err, store.ErrHeadMoved) {
			t.Fatalf("fork: %v, want ErrHeadMoved", err)
		}
		s.Close()
		got, err := e.open(t).LastHead(ctx, fleet, "main")
		must(t, err)
		if diff := cmp.Diff(second, got); diff != "" {
			t.Fatalf("after reopening (-want +got):\n%s", diff)
		}
	})
}

func TestReplicasThatAcceptAtOnceMakeOneLineOfHeads(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		handles, ctx := e.replicas(t, 3), t.Context()
		parent := ""
		for round := range 5 {
			var accepted atomic.Int64
			race(handles, 3, func(s *store.DB, n int) {
				err := s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: fmt.Sprintf("%d-%d", round, n),
					Parent: parent, Accepted: time.Now()}))
				switch {
				case err == nil:
					accepted.Add(1)
				case !errors.Is(err, store.ErrHeadMoved):
					t.Errorf("accept: %v", err)
				}
			})
			if accepted.Load() != 1 {
				t.Fatalf("%d heads were accepted after %q, want 1", accepted.Load(), parent)
			}
			last, err := handles[0].LastHead(ctx, fleet, "main")
			must(t, err)
			if last.Parent != parent {
				t.Fatalf("the last head follows %q, want %q", last.Parent, parent)
			}
			parent = last.Hash
		}
	})
}

func TestDigestsEverPlacedAreRemembered(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		handles, ctx := e.replicas(t, 2), t.Context()
		race(handles, 2, func(s *store.DB, n int) {
			if err := s.AddPlaced(ctx, fleet, "prod-eu", fmt.Sprintf("head-%d", n),
				[]string{"sha256:x", "sha256:y"}); err != nil {
				t.Error(err)
			}
		})
		for digest, want := range map[string]bool{"sha256:x": true, "sha256:z": false} {
			if got, err := handles[1].WasPlaced(ctx, fleet, "prod-eu", digest); err != nil || got != want {
				t.Errorf("WasPlaced(%q) = %v, %v; want %v", digest, got, err, want)
			}
		}
		if got, err := handles[0].WasPlaced(ctx, fleet, "prod-us", "sha256:x"); err != nil || got {
			t.Errorf("WasPlaced on another cluster = %v, %v", got, err)
		}
	})
}

func TestTheFileBelongsToTheServiceAlone(t *testing.T) {
	e := onSQLite(t)
	e.open(t)
	info, err := os.Stat(e.address)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

// TestWhatWasAcceptedBefore: in the line of the ref, whatever Git makes of it.
func TestWhatWasAcceptedBefore(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx, parent := e.open(t), t.Context(), ""
		for _, hash := range []string{"a1", "b2", "c3", "b2"} { // an operator took b2 back
			must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: hash, Parent: parent,
				Accepted: time.Now()})))
			parent = hash
		}
		must(t, s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "other", Hash: "d4", Accepted: time.Now()})))
		for _, c := range []struct {
			hash, head string
			want       bool
		}{
			{"a1", "b2", true}, {"a1", "c3", true}, {"c3", "b2", true}, {"b2", "c3", true}, {"b2", "b2", true},
			{"c3", "a1", false}, {"a1", "a1", false}, {"c3", "c3", false},
			{"d4", "b2", false}, {"a1", "d4", false}, {"e5", "b2", false}, {"a1", "e5", false},
		} {
			if got, err := s.WasBefore(ctx, fleet, "main", c.hash, c.head); err != nil || got != c.want {
				t.Errorf("WasBefore(%s, %s) = %v, %v; want %v", c.hash, c.head, got, err, c.want)
			}
		}
	})
}
