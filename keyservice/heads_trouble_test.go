package keyservice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// TestARefusedHeadIsLoggedOnceAndAgainAfterAnHour: it is looked at every
// interval, for as long as it takes somebody to come.
func TestARefusedHeadIsLoggedOnceAndAgainAfterAnHour(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	lines := func(tip string) (n int) {
		for line := range strings.Lines(f.logs.String()) {
			if strings.Contains(line, `"error":"`) && strings.Contains(line, "refuse head "+tip) {
				n++
			}
		}
		return n
	}
	looks := func() string {
		for line := range strings.Lines(f.get("/metrics")) {
			if strings.HasPrefix(line, `bulla_keyservice_looks_total{result="refused"}`) {
				return line
			}
		}
		return ""
	}
	ask := func(tip string) { // makes it look, and tells whether it did
		t.Helper()
		before := looks()
		f.eu.unseal(tip, f.digest)
		if after := looks(); after == before {
			t.Fatalf("no look was made: %s", after)
		}
	}
	first := f.commit(map[string]string{"fleet.yaml": "kind: Fleet\n"})
	for range 3 {
		ask(first)
	}
	if n := lines(first); n != 1 {
		t.Errorf("after three looks the refusal is logged %d times\n%s", n, f.logs.tail())
	}
	if ready := f.get("/readyz"); !strings.Contains(ready, v1alpha1.InvalidFleetReason) {
		t.Errorf("readiness says nothing of it:\n%s", ready)
	}
	f.offset.Store(int64(61 * time.Minute))
	ask(first)
	ask(first)
	if n := lines(first); n != 2 {
		t.Errorf("an hour later the refusal is logged %d times, want 2", n)
	}
	second := f.commit(map[string]string{"README": "still no fleet"})
	ask(second)
	ask(second)
	if n := lines(second); n != 1 {
		t.Errorf("the refusal of another head is logged %d times", n)
	}
}
