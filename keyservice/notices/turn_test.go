package notices

import (
	"testing"
	"time"
)

// What a push costs the Git host in a second hangs on the pace alone, and not on the
// size of the fleet.
func TestAFleetIsToldAtAPace(t *testing.T) {
	n := New(nil, nil, 200, 0)
	for clusters, within := range map[int]time.Duration{
		0: 0, 1: 5 * time.Millisecond, 100: time.Second / 2, 3000: 15 * time.Second, 1_000_000: longestSpread,
	} {
		const samples = 1000
		var sum, last time.Duration
		for range samples {
			turn := n.turn(clusters)
			sum, last = sum+turn, max(last, turn)
		}
		if last > within || sum/samples < within/3 {
			t.Errorf("%d clusters: the last after %s, half of them after %s; want them spread over %s",
				clusters, last, sum/samples, within)
		}
	}
}
