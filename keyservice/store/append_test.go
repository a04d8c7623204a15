package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

func TestReplicasThatAppendAtOnceMakeOneLog(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		handles, ctx := e.replicas(t, 3), t.Context()
		const times, rounds = 4, 5
		race(handles, times, func(s *store.DB, n int) {
			for round := range rounds {
				entries := []string{fmt.Sprintf("%d-%d-a", n, round), fmt.Sprintf("%d-%d-b", n, round)}
				if err := s.AppendLog(ctx, fleet, nil, addTo(entries...)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
		if got, want := len(checkLog(t, handles[0])), 3*times*rounds*2; got != want {
			t.Fatalf("%d entries, want %d", got, want)
		}
	})
}

func TestAnAppendMakesEachGroupOfChangesWholeOrNotAtAll(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		s, ctx := engine.open(t), t.Context()
		spent, fresh := newEnrolment(t, s, "spent"), newEnrolment(t, s, "fresh")
		spent.begin(t, s)
		fresh.begin(t, s)
		must(t, s.Do(ctx, s.CompleteEnrolment(spent.token, spent.challenge, spent.certificate("a"), spent.now)))
		groups := [][]store.Change{
			{s.AddCertificate(spent.certificate("b")),
				s.CompleteEnrolment(spent.token, spent.challenge, spent.certificate("c"), spent.now)},
			{s.CompleteEnrolment(fresh.token, fresh.challenge, fresh.certificate("d"), fresh.now)},
			nil,
		}
		var refused []error
		must(t, s.AppendLog(ctx, fleet, groups, func(now *store.Appending) (store.Appended, error) {
			refused = slices.Clone(now.Refused)
			return addTo("one entry")(now)
		}))
		if !errors.Is(refused[0], store.ErrJoinToken) || refused[1] != nil || refused[2] != nil {
			t.Fatalf("refused: %v", refused)
		}
		// Serials are unique: what was rolled back can be written again.
		must(t, s.Do(ctx, s.AddCertificate(spent.certificate("b"))))
		if err := s.Do(ctx, s.AddCertificate(fresh.certificate("d"))); err == nil {
			t.Fatal("the second group was not written")
		}
		checkLog(t, s)
	})
}

func TestAnErrorOfTheBuilderUndoesTheChanges(t *testing.T) {
	onBothEngines(t, func(t *testing.T, engine engine) {
		s, ctx := engine.open(t), t.Context()
		e := newEnrolment(t, s, "secret")
		e.begin(t, s)
		sick := errors.New("the token does not sign")
		complete := [][]store.Change{{s.CompleteEnrolment(e.token, e.challenge, e.certificate("a"), e.now)}}
		if err := s.AppendLog(ctx, fleet, complete,
			func(*store.Appending) (store.Appended, error) { return store.Appended{}, sick }); !errors.Is(err, sick) {
			t.Fatalf("%v, want the builder's error", err)
		}
		must(t, s.AppendLog(ctx, fleet, complete, addTo("enrolled")))
		if diff := cmp.Diff([]string{"enrolled"}, checkLog(t, s)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestLeavesThatDoNotFollowTheLogAreRefused(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		must(t, s.AppendLog(ctx, fleet, nil, addTo("first", "second")))
		for name, change := range map[string]func(*store.Appended){
			"one index twice": func(a *store.Appended) { a.Leaves[0].Index-- },
			"a hole":          func(a *store.Appended) { a.Leaves[0].Index++ },
			"a size too big":  func(a *store.Appended) { a.Size++ },
		} {
			err := s.AppendLog(ctx, fleet, nil, func(now *store.Appending) (store.Appended, error) {
				next, err := addTo("third")(now)
				change(&next)
				return next, err
			})
			if !errors.Is(err, store.ErrLog) {
				t.Errorf("%s: %v, want ErrLog", name, err)
			}
		}
		if diff := cmp.Diff([]string{"first", "second"}, checkLog(t, s)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestEntriesOfOtherProgramsAreTakenOnce(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		handles, ctx := e.replicas(t, 3), t.Context()
		const programs = 4
		race(handles, programs, func(s *store.DB, n int) {
			if err := s.Do(ctx, s.AddPending(fleet, fmt.Appendf(nil, "pending %d", n))); err != nil {
				t.Errorf("leave an entry: %v", err)
			}
			err := s.AppendLog(ctx, fleet, nil, func(now *store.Appending) (store.Appended, error) {
				var entries []string
				for _, entry := range now.Pending {
					entries = append(entries, string(entry))
				}
				return addTo(append(entries, fmt.Sprintf("own %d", n))...)(now)
			})
			if err != nil {
				t.Errorf("append: %v", err)
			}
		})
		if got, want := len(checkLog(t, handles[0])), 2*3*programs; got != want {
			t.Fatalf("%d entries, want %d", got, want)
		}
		if waits, err := handles[1].HasPending(ctx, fleet); err != nil || waits {
			t.Fatalf("entries wait after all were taken: %v, %v", waits, err)
		}
	})
}

func TestLeavesAreFoundByWhatTheySay(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		must(t, s.AppendLog(ctx, fleet, nil, addTo("a", "b", "c", "d", "e")))
		leaves, next, err := s.FindLeaves(ctx, fleet, store.LogFilter{Cluster: "prod-eu", From: 1, Limit: 2})
		must(t, err)
		if len(leaves) != 2 || string(leaves[0].Entry) != "b" || next != 3 {
			t.Fatalf("%d leaves, next %d", len(leaves), next)
		}
		leaves, _, err = s.FindLeaves(ctx, fleet, store.LogFilter{Cluster: "prod-us", Limit: 10})
		must(t, err)
		if len(leaves) != 0 {
			t.Fatalf("%d leaves of another cluster", len(leaves))
		}
		leaves, _, err = s.FindLeaves(ctx, fleet, store.LogFilter{Until: time.Now().Add(-time.Hour), Limit: 10})
		must(t, err)
		if len(leaves) != 0 {
			t.Fatalf("%d leaves of an hour ago", len(leaves))
		}
	})
}

// TestLeavesAreFoundByEveryObjectThatTheyAreAbout: pages of both kinds are one
// list, in order and without a leaf twice.
func TestLeavesAreFoundByEveryObjectThatTheyAreAbout(t *testing.T) {
	onBothEngines(t, func(t *testing.T, e engine) {
		s, ctx := e.open(t), t.Context()
		must(t, s.AppendLog(ctx, fleet, nil, func(now *store.Appending) (store.Appended, error) {
			next, err := addTo("a", "b", "c", "d", "e")(now)
			for i, object := range []string{"two/db", "one/db", "two/db", "one/db", "two/db"} {
				next.Leaves[i].Object = object
			}
			next.Leaves[1].Also, next.Leaves[3].Also = []string{"two/db", "three/db"}, []string{"two/db"}
			return next, err
		}))
		var found string
		for from, more := int64(0), true; more; more = from != 0 {
			leaves, next, err := s.FindLeaves(ctx, fleet,
				store.LogFilter{Object: "two/db", Cluster: "prod-eu", From: from, Limit: 2})
			must(t, err)
			for _, leaf := range leaves {
				found += string(leaf.Entry)
			}
			from = next
		}
		leaves, _, err := s.FindLeaves(ctx, fleet, store.LogFilter{Object: "three/db", Limit: 9})
		must(t, err)
		others, _, err := s.FindLeaves(ctx, fleet, store.LogFilter{Object: "two/db", Cluster: "prod-us", Limit: 9})
		must(t, err)
		if found != "abcde" || len(leaves) != 1 || len(others) != 0 {
			t.Fatalf("found %q, %d of a second object, %d of another cluster", found, len(leaves), len(others))
		}
	})
}
