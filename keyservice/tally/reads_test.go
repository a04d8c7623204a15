package tally

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

func readBy(certificate, act string) audit.Entry {
	return audit.Entry{Kind: audit.Person, Outcome: audit.Done, Person: "ann", Certificate: certificate,
		Identity: "sha256:ann", Detail: act}
}

// TestAPageThatIsLeftOpenIsAFewEntriesADay, which stand for all that it asked.
func TestAPageThatIsLeftOpenIsAFewEntriesADay(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := NewReads(func() time.Time { return now })
	entries, stands, asked := 0, 0, 0
	for range 24 * time.Hour / (5 * time.Second) {
		now = now.Add(5 * time.Second)
		if asked++; r.Admit(readBy("1", "Describe")) {
			r.Recorded(readBy("1", "Describe"))
			entries, stands = entries+1, stands+1
		}
		for _, e := range r.Due(false) {
			entries, stands = entries+1, stands+e.Count
		}
	}
	for _, e := range r.Due(true) {
		entries, stands = entries+1, stands+e.Count
		if want := "Describe, again since "; len(e.Detail) < len(want) || e.Detail[:len(want)] != want {
			t.Errorf("a count says %q", e.Detail)
		}
	}
	if entries > 2*24 || stands != asked {
		t.Errorf("%d reads of a day are %d entries, which stand for %d", asked, entries, stands)
	}
}

// TestAReadIsCountedWithItsLikeAlone: what is not on disk yet, another's, and another
// certificate of the same person are entries of their own; and no memory is filled.
func TestAReadIsCountedWithItsLikeAlone(t *testing.T) {
	r := NewReads(time.Now)
	first := readBy("1", "ListLedger")
	for range 2 {
		if !r.Admit(first) {
			t.Fatal("a read is counted whose first is not on disk")
		}
	}
	r.Recorded(first)
	if r.Admit(first) {
		t.Error("the same again is an entry")
	}
	other := first
	other.Identity = "sha256:eve"
	for _, e := range []audit.Entry{readBy("2", "ListLedger"), readBy("1", "Describe"), other} {
		if !r.Admit(e) {
			t.Errorf("counted with another's: %v", e)
		}
	}
	for i := range 2 * maxReads {
		r.Recorded(readBy(fmt.Sprint("c", i), "ListLedger"))
	}
	if len(r.seen) > maxReads || !r.Admit(readBy("another", "ListLedger")) {
		t.Errorf("%d kinds are kept", len(r.seen))
	}
}
