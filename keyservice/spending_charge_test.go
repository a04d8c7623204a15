package keyservice

import "testing"

func TestEveryAttemptIsCharged(t *testing.T) {
	s := newSpending(2)
	for attempt, want := range []int{2, 4, 1} { // 3 and 1, 3 and 1, 0 and 1 operations; one a digest is let in
		decisions := s.decisions([]string{"a", "b"})
		decisions[0].operations, decisions[1].operations = 3, 1
		if attempt == 2 {
			decisions[0].operations = 0
		}
		if got := s.add(decisions); got != want {
			t.Errorf("attempt %d is charged %d, want %d", attempt, got, want)
		}
		s.settle(decisions, false)
	}
	if got := s.unrecordedTotal(); got != 9 {
		t.Errorf("%d operations stand in no entry, want 9", got)
	}
	s.settle(s.decisions([]string{"a", "b"}), true)
	if got := s.unrecordedTotal(); got != 0 {
		t.Errorf("%d operations stand in no entry though all are recorded", got)
	}
}
