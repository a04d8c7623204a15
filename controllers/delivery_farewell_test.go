package controllers

import "testing"

func TestARenamedPlacementIsNotSaidToBeAbsent(t *testing.T) {
	m := &memory{}
	if got, want := m.farewell("r1"), "everything that is no other placement's is confirmed absent at r1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.moves("store")
	m.moves("store")
	if got, want := m.farewell("r1"), `2 objects stand for placement "store" now; everything else is confirmed absent at r1`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
