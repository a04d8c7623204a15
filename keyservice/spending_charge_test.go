package keyservice

import "testing"

func TestEveryAttemptIsCharged(t *testing.T) {
	asked := [][]opened{{{operations: 3}, {operations: 1}}, {{operations: 3}, {operations: 1}}, {{}, {operations: 1}}}
	for attempt, want := range []int{2, 4, 1} { // one a digest is let in
		if got := beyondAdmitted(asked[attempt], attempt == 0); got != want {
			t.Errorf("attempt %d is charged %d, want %d", attempt, got, want)
		}
	}
	if got := beyondAdmitted([]opened{{}, {operations: 2}}, true); got != 1 {
		t.Errorf("a digest that cost nothing makes up for another: %d", got)
	}
}
