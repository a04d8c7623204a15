package tally

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

func refusedUnseal(cluster string, digest int) audit.Entry {
	return audit.Entry{Kind: audit.Unseal, Outcome: "NotPlaced", Cluster: cluster, Digest: fmt.Sprintf("sha256:%064d", digest), Head: "a1"}
}

// tally sums what denials wrote.
type tally struct {
	d       *Tally
	now     time.Time
	entries int
	// stands is how many refusals the entries stand for.
	stands int
}

func newTally() *tally {
	c := &tally{now: time.Unix(1e9, 0)}
	c.d = New(func() time.Time { return c.now }, func(string) {})
	return c
}

func (c *tally) refuse(entries ...audit.Entry) (recorded []audit.Entry) {
	recorded, _ = c.d.Admit(entries)
	c.d.Recorded(recorded)
	c.take(recorded)
	return recorded
}

func (c *tally) take(entries []audit.Entry) {
	for _, e := range entries {
		c.entries++
		if e.Kind != audit.Coalesce && e.Count == 0 {
			c.stands++
		}
		c.stands += e.Count
	}
}

// TestAClusterThatInventsDigestsCannotFillTheLog: 100,000 refusals in ten minutes
// are some hundred entries, they are all counted, and memory stays as small.
func TestAClusterThatInventsDigestsCannotFillTheLog(t *testing.T) {
	c := newTally()
	const requests, each = 100, 1000
	kinds := 0
	for request := range requests {
		batch := make([]audit.Entry, each)
		for i := range batch {
			batch[i] = refusedUnseal("prod-eu", request*each+i)
		}
		c.refuse(batch...)
		kinds = max(kinds, c.d.kinds)
		c.now = c.now.Add(6 * time.Second)
		c.take(c.d.Due(false))
	}
	c.now = c.now.Add(Window)
	c.take(c.d.Due(true))
	if most := denialBurst + requests + 2*(requests/10+1); c.entries > most {
		t.Errorf("%d entries for %d refusals, at most %d may be", c.entries, requests*each, most)
	}
	if c.stands != requests*each {
		t.Errorf("the entries stand for %d refusals of %d", c.stands, requests*each)
	}
	if kinds > denialBurst+requests || c.d.kinds != 0 || len(c.d.callers) > 1 {
		t.Errorf("%d kinds in memory at the most, %d at the end, %d callers", kinds, c.d.kinds, len(c.d.callers))
	}
}

// TestAFleetOfHostileClustersCannotFillTheMemory: what is kept of refusals is
// bounded over all callers.
func TestAFleetOfHostileClustersCannotFillTheMemory(t *testing.T) {
	c := newTally()
	for cluster := range 2 * maxCallers {
		batch := make([]audit.Entry, 8)
		for i := range batch {
			batch[i] = refusedUnseal(fmt.Sprintf("c%d", cluster), i)
		}
		c.refuse(batch...)
	}
	if len(c.d.callers) > maxCallers+1 || c.d.kinds > maxKinds {
		t.Errorf("%d callers and %d kinds in memory, at most %d and %d may be", len(c.d.callers), c.d.kinds, maxCallers+1, maxKinds)
	}
	c.now = c.now.Add(time.Hour)
	c.take(c.d.Due(false))
	if c.stands != 2*maxCallers*8 {
		t.Errorf("the entries stand for %d refusals of %d", c.stands, 2*maxCallers*8)
	}
	if len(c.d.callers) != 0 {
		t.Errorf("%d callers are kept for nothing", len(c.d.callers))
	}
}

func TestTheSameRefusalIsCounted(t *testing.T) {
	c := newTally()
	if got := c.refuse(refusedUnseal("prod-eu", 1)); len(got) != 1 {
		t.Fatalf("the first was not recorded: %v", got)
	}
	again := refusedUnseal("prod-eu", 1)
	again.Operations = 1
	for range 5 {
		if got := c.refuse(again); len(got) != 0 {
			t.Errorf("a repetition was recorded: %v", got)
		}
	}
	elsewhere := refusedUnseal("prod-eu", 1)
	elsewhere.Head = "b2"
	for name, other := range map[string]audit.Entry{
		"another head": elsewhere, "another digest": refusedUnseal("prod-eu", 2), "another cluster": refusedUnseal("prod-us", 1),
	} {
		if got := c.refuse(other); len(got) != 1 {
			t.Errorf("%s was taken for the same", name)
		}
	}
	if got := c.d.Due(false); len(got) != 0 {
		t.Errorf("counted before the window ended: %v", got)
	}
	c.now = c.now.Add(Window)
	due := c.d.Due(false)
	if len(due) != 1 || due[0].Count != 5 || due[0].Operations != 5 || due[0].Cluster != "prod-eu" || due[0].Digest != again.Digest {
		t.Fatalf("due %+v, want one entry that stands for 5", due)
	}
	if got := c.refuse(refusedUnseal("prod-eu", 1)); len(got) != 1 {
		t.Error("in the next window the first is not recorded")
	}
}

// TestNothingIsCountedBeforeItsFirstIsOnDisk: a failed append must not turn the
// next refusal into one that is only counted.
func TestNothingIsCountedBeforeItsFirstIsOnDisk(t *testing.T) {
	c := newTally()
	for range 3 {
		if got, _ := c.d.Admit([]audit.Entry{refusedUnseal("prod-eu", 1)}); len(got) != 1 {
			t.Fatal("counted though nothing is on disk")
		}
	}
}

func TestCountsThatCannotBeRecordedAreKept(t *testing.T) {
	c := newTally()
	c.refuse(refusedUnseal("prod-eu", 1))
	c.refuse(refusedUnseal("prod-eu", 1))
	c.now = c.now.Add(Window)
	due := c.d.Due(false)
	c.d.Owe(due)
	if again := c.d.Due(false); len(again) != 1 || again[0].Count != 1 {
		t.Errorf("owed %v, then due %v", due, again)
	}
}
