package drift

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

func TestAFightIsFoughtEverSlowerAndForgotten(t *testing.T) {
	var f Fights
	id, other := inventory.ID{Name: "a"}, inventory.ID{Name: "b"}
	now := time.Unix(1_000_000, 0)
	for range freeReverts {
		if wait := f.Wait(id, now); wait != 0 {
			t.Fatalf("one of the first reverts waits %s", wait)
		}
		f.Reverted(id, Deed{}, now)
	}
	last := time.Duration(0)
	for range 12 {
		wait := f.Wait(id, now)
		if wait < last || wait > longestWait || wait == 0 {
			t.Fatalf("waits %s after %s", wait, last)
		}
		if f.Wait(other, now) != 0 {
			t.Fatal("another object waits too")
		}
		now, last = now.Add(wait), wait
		if f.Wait(id, now) != 0 {
			t.Fatal("the wait does not end")
		}
		f.Reverted(id, Deed{}, now)
	}
	if last != longestWait {
		t.Errorf("the longest wait is %s, want %s", last, longestWait)
	}
	now = now.Add(quietTime + time.Second)
	f.Reverted(id, Deed{}, now)
	if wait := f.Wait(id, now); wait != 0 {
		t.Errorf("after a quiet time the first revert waits %s", wait)
	}
}

func TestAStatusThatMovesIsProgressAndNothingElseIs(t *testing.T) {
	base := func() *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			UID: "u", Generation: 2, Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
		}}
	}
	if !progressOnly(base(), base()) {
		t.Error("a status that moved is drift")
	}
	for what, change := range map[string]func(*metav1.PartialObjectMetadata){
		"generation":           func(o *metav1.PartialObjectMetadata) { o.Generation++ },
		"uid":                  func(o *metav1.PartialObjectMetadata) { o.UID = "v" },
		"a label":              func(o *metav1.PartialObjectMetadata) { o.Labels["a"] = "x" },
		"an annotation":        func(o *metav1.PartialObjectMetadata) { delete(o.Annotations, "c") },
		"deletion":             func(o *metav1.PartialObjectMetadata) { o.DeletionTimestamp = &metav1.Time{} },
		"a kind that has none": func(o *metav1.PartialObjectMetadata) { o.Generation = 0 },
	} {
		after := base()
		change(after)
		if progressOnly(base(), after) {
			t.Errorf("%s is taken for progress", what)
		}
	}
}

// TestWhatGitGivesIsTakenOnce: an old proof of another placement can be written again by
// whoever may patch the object.
func TestWhatGitGivesIsTakenOnce(t *testing.T) {
	id := inventory.ID{Name: "a"}
	for name, c := range map[string]struct {
		before func(s *Sight)
		first  bool
		given  bool
	}{
		"nobody gave it":                   {func(*Sight) {}, false, false},
		"before the process began":         {func(*Sight) {}, true, true},
		"and it was taken then":            {func(s *Sight) { s.Took(id) }, true, false},
		"Git gave it":                      {func(s *Sight) { s.Give(id) }, false, true},
		"Git gave another":                 {func(s *Sight) { s.Give(inventory.ID{Name: "b"}) }, false, false},
		"and it was taken":                 {func(s *Sight) { s.Give(id); s.Took(id) }, false, false},
		"Git gave it once more":            {func(s *Sight) { s.Took(id); s.Give(id) }, false, true},
		"a version that is right no more":  {func(s *Sight) { s.Give(id); s.Forget(id) }, false, true},
		"it was taken, and then forgotten": {func(s *Sight) { s.Took(id); s.Forget(id) }, true, false},
	} {
		s := NewSight()
		c.before(s)
		if s.Given(id, c.first) != c.given {
			t.Errorf("%s: it is given: %v", name, !c.given)
		}
	}
}
