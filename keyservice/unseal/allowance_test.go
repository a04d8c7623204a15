package unseal

import (
	"testing"
)

func TestEveryAttemptIsCharged(t *testing.T) {
	asked := [][]opened{{{operations: 3}, {operations: 1}}, {{operations: 3}, {operations: 1}}, {{}, {operations: 1}}}
	let := make(allowance, 2)
	for attempt, want := range []int{2, 4, 1} { // one a digest is let in
		if got := let.beyond(asked[attempt]); got != want {
			t.Errorf("attempt %d is charged %d, want %d", attempt, got, want)
		}
	}
	if got := make(allowance, 2).beyond([]opened{{}, {operations: 2}}); got != 1 {
		t.Errorf("a digest that cost nothing makes up for another: %d", got)
	}
}

// TestADigestThatTheFirstAttemptDidNotOpenIsLetInOnce: it was still being built then.
func TestADigestThatTheFirstAttemptDidNotOpenIsLetInOnce(t *testing.T) {
	let := make(allowance, 2)
	asked := [][]opened{{{}, {operations: 1}}, {{operations: 1}, {operations: 1}}, {{operations: 1}, {}}}
	for attempt, want := range []int{0, 1, 1} {
		if got := let.beyond(asked[attempt]); got != want {
			t.Errorf("attempt %d is charged %d, want %d", attempt, got, want)
		}
	}
}
