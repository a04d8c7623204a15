package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/keyservice/store"
)

func TestAnOperatorsWordAboutHistoryCountsOnce(t *testing.T) {
	onBothEngines(t, operatorsWordCountsOnce)
}

func operatorsWordCountsOnce(t *testing.T, e engine) {
	s := e.open(t)
	ctx := t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	word := store.Rewrite{Fleet: fleet, Ref: "main", From: "a1", To: "c3", By: "olga", Accepted: now}
	if err := s.Do(ctx, s.AddRewrite(word)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("before the first head: %v, want ErrHeadMoved", err)
	}
	if err := s.Do(ctx, s.AddHead(store.Head{Fleet: fleet, Ref: "main", Hash: "a1", Accepted: now})); err != nil {
		t.Fatal(err)
	}
	stale := word
	stale.From = "b2"
	if err := s.Do(ctx, s.AddRewrite(stale)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("about another head: %v, want ErrHeadMoved", err)
	}
	mistake := word
	mistake.To = "d4"
	for _, r := range []store.Rewrite{mistake, word} {
		if err := s.Do(ctx, s.AddRewrite(r)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = e.open(t)
	got, err := s.OpenRewrite(ctx, fleet, "main", "a1")
	if diff := cmp.Diff(word, got); err != nil || diff != "" {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := s.OpenRewrite(ctx, fleet, "other", "a1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("another ref: %v", err)
	}
	if _, err := s.TakenRewrite(ctx, fleet, "main", "a1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("taken before it was spent: %v", err)
	}
	if err := s.Do(ctx, s.SpendRewrite(mistake, now)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("the older word: %v, want ErrHeadMoved", err)
	}
	head := store.Head{Fleet: fleet, Ref: "main", Hash: "c3", Parent: "b2", Accepted: now}
	if err := s.Do(ctx, s.SpendRewrite(word, now), s.AddHead(head)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("together with a head that does not follow: %v", err)
	}
	if _, err := s.OpenRewrite(ctx, fleet, "main", "a1"); err != nil {
		t.Fatalf("spent without its head: %v", err)
	}
	head.Parent = "a1"
	if err := s.Do(ctx, s.SpendRewrite(word, now), s.AddHead(head)); err != nil {
		t.Fatal(err)
	}
	if err := s.Do(ctx, s.SpendRewrite(word, now)); !errors.Is(err, store.ErrHeadMoved) {
		t.Fatalf("a second time: %v, want ErrHeadMoved", err)
	}
	if _, err := s.OpenRewrite(ctx, fleet, "main", "a1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("after it was spent: %v, want ErrNotFound", err)
	}
	got, err = s.TakenRewrite(ctx, fleet, "main", "a1")
	if diff := cmp.Diff(word, got); err != nil || diff != "" {
		t.Fatalf("what was taken: %v (-want +got):\n%s", err, diff)
	}
	for _, other := range [][2]string{{"other", "a1"}, {"main", "c3"}} {
		if _, err := s.TakenRewrite(ctx, fleet, other[0], other[1]); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("what was taken at %v: %v, want ErrNotFound", other, err)
		}
	}
}
