package delivery

import (
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

func TestARenamedPlacementIsNotSaidToBeAbsent(t *testing.T) {
	m, d := &leavings{}, &v1alpha1.Delivery{}
	d.Spec.Revision, d.Spec.Removed, d.Status.Policy = "r1", true, &v1alpha1.DeliveryPolicy{Prune: true}
	if got, want := m.farewell(d), "everything that is no other placement's is confirmed absent at r1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.moves("store")
	m.moves("store")
	if got, want := m.farewell(d), `2 objects stand for placement "store" now; everything else is confirmed absent at r1`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d.Status.Policy.DeletionPolicy = "Orphan"
	want := "sealed objects are confirmed absent at r1; plain ones stay: the placement had deletionPolicy: Orphan"
	if got := m.farewell(d); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestADeliveryComesBackWhenItWasTold(t *testing.T) {
	for range 100 {
		p := &ending{mem: &memory{}, aim: &aim.Aim{}, again: new(loop.Again)}
		got := p.next(&loop.Error{Reason: "x", Intent: loop.Retry, After: 3 * time.Minute})
		if got < 3*time.Minute || got > 3*time.Minute+40*time.Second {
			t.Fatalf("it comes back in %s, told 3m", got)
		}
	}
}
