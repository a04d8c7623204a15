package apply

import (
	"testing"
	"time"
)

func TestAFinalizerThatHoldsAnObjectIsNamed(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got, want := (Fate{Deleting: at, Finalizers: []string{"example.com/stuck"}}).HeldBy(),
		` (deleted 2026-01-02T03:04:05Z, held by its finalizer "example.com/stuck")`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Fate{Deleting: at}).HeldBy(); got != "" {
		t.Errorf("got %q", got)
	}
}
