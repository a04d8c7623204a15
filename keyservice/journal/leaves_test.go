package journal

import (
	"errors"
	"math"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// TestEveryLeafIsProvenUnderTheNewestState, however few of them are asked for
// together: what one proof leaves in memory must not spoil the next.
func TestEveryLeafIsProvenUnderTheNewestState(t *testing.T) {
	b := newBench(t)
	b.add(b.j, numbered(0, 21))
	b.add(b.j, numbered(21, 16))
	newest, err := b.mustOpen(b.store()).Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state, err := newest.State(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := audit.OpenCheckpoint(state.GetCheckpoint(), audit.Origin(testFleet), b.j.verifier)
	if err != nil || c.Size != newest.Size() || c.Size != 37 {
		t.Fatalf("%d entries, the receipt says %d: %v", c.Size, newest.Size(), err)
	}
	for _, page := range []int{1, 5, 37} {
		proven := 0
		for from := int64(0); proven < 37; {
			leaves, next, err := b.rows.FindLeaves(t.Context(), testFleet,
				store.LogFilter{From: from, To: newest.Size(), Limit: page})
			if err != nil || len(leaves) == 0 {
				t.Fatalf("pages of %d: %d leaves from %d: %v", page, len(leaves), from, err)
			}
			inclusions, err := newest.Inclusions(t.Context(), leaves)
			if err != nil {
				t.Fatal(err)
			}
			for i, in := range inclusions {
				if in.GetIndex() != uint64(proven) || string(in.GetEntry()) != string(leaves[i].Entry) {
					t.Fatalf("pages of %d: inclusion %d is of entry %d", page, proven, in.GetIndex())
				}
				if err := audit.CheckInclusion(c, int64(in.GetIndex()), in.GetEntry(), in.GetProof()); err != nil {
					t.Fatalf("pages of %d: entry %d: %v", page, proven, err)
				}
				proven++
			}
			from = next
		}
	}
}

// TestAStateGrewFromEverySizeThatWasSeen, and from none that the log never had.
func TestAStateGrewFromEverySizeThatWasSeen(t *testing.T) {
	b := newBench(t)
	seen := []audit.Checkpoint{{}}
	for n := range 33 {
		seen = append(seen, b.add(b.j, numbered(n, 1)).tip.Checkpoint)
	}
	newest, err := b.j.Latest(t.Context(), 33)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1; size < len(seen); size++ {
		state, err := newest.State(t.Context(), uint64(size))
		if err != nil {
			t.Fatal(err)
		}
		if err := audit.CheckConsistency(seen[size], newest.tip.Checkpoint, state.GetConsistency()); err != nil {
			t.Errorf("from %d entries: %v", size, err)
		}
	}
	for _, size := range []uint64{34, math.MaxInt64, math.MaxUint64} {
		if _, err := newest.State(t.Context(), size); !errors.Is(err, ErrBehind) {
			t.Errorf("from %d entries: %v, want ErrBehind", size, err)
		}
	}
}

// TestWhatWaitedSaysSinceWhenAndByWhom: the entry's own time is that of its
// append.
func TestWhatWaitedSaysSinceWhenAndByWhom(t *testing.T) {
	b := newBench(t)
	decided := time.Now().Add(-time.Hour)
	e := audit.Entry{Kind: audit.Token, Outcome: "Done", Cluster: "prod-eu", Detail: "for an hour"}
	if err := b.rows.Do(t.Context(), Later(b.rows, testFleet, e, decided)); err != nil {
		t.Fatal(err)
	}
	b.add(b.j, numbered(0, 1))
	leaves, _, err := b.rows.FindLeaves(t.Context(), testFleet, store.LogFilter{Kind: string(audit.Token), Limit: 2})
	if err != nil || len(leaves) != 1 {
		t.Fatalf("%d entries: %v", len(leaves), err)
	}
	got, err := audit.ParseEntry(leaves[0].Entry)
	if err != nil {
		t.Fatal(err)
	}
	by := ""
	if who, err := user.Current(); err == nil {
		by = "by " + who.Username + " on the service's machine"
	}
	for _, want := range []string{"for an hour", by, "decided at " + decided.UTC().Format(time.RFC3339)} {
		if !strings.Contains(got.Detail, want) {
			t.Errorf("the entry says %q, want %q in it", got.Detail, want)
		}
	}
}
