package delivery

import "testing"

// TestAWorkloadThatMovesWithItsSecretIsNotRestarted: docs/how-to/move.md promises both
// halves, and bulla plan foretells the second.
func TestAWorkloadThatMovesWithItsSecretIsNotRestarted(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	sealed, api := w.seal("db", map[string]string{"password": "one"}), w.idle("api", "db")
	w.place("kiosk", sealed, api)
	w.commit()
	w.settled()
	delete(w.git, "kiosk")
	w.place("terminal", sealed, api)
	w.commit()
	w.settled()
	if rolled := w.rollouts("api"); rolled != 1 {
		t.Errorf("the application moved whole, and its workload had %d rollouts, and needs 1", rolled)
	}

	// Parted from its Secret, its pods do not follow that one's content any more.
	w.place("terminal", api)
	w.place("secrets", sealed)
	w.commit()
	w.settled()
	if rolled := w.rollouts("api"); rolled != 2 {
		t.Errorf("the Secret moved away, and its workload had %d rollouts, and needs 2", rolled)
	}
}
