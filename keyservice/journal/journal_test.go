package journal

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

func TestEveryReceiptIsProvenAtEverySize(t *testing.T) {
	b := newBench(t)
	var seen []*Receipt
	for n := 1; n <= 40; n++ {
		seen = append(seen, b.add(b.j, numbered(n*100, n%7+1)))
		if n == 20 { // a restart in between: what memory had comes from the store
			b.j = b.mustOpen(b.rows)
		}
	}
	last := seen[len(seen)-1]
	for _, r := range seen {
		proof, err := proveGrowth(r.tip.Size, last.tip.Size, b.j.stored(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if err := audit.CheckConsistency(r.tip.Checkpoint, last.tip.Checkpoint, proof); err != nil {
			t.Error(err)
		}
	}
	if c := b.checkLog(); c != last.tip.Checkpoint {
		t.Errorf("the store ends at %+v, the last receipt at %+v", c, last.tip.Checkpoint)
	}
}

// TestWhatWaitsIsWrittenTogether: while one append is under way the others
// gather, and share one signature.
func TestWhatWaitsIsWrittenTogether(t *testing.T) {
	b := newBench(t)
	held := &heldStore{DB: b.rows, entered: make(chan struct{}, 8), release: make(chan struct{})}
	j := b.mustOpen(held)
	before := b.key.signed.Load()
	var group sync.WaitGroup
	call := func(i int) {
		group.Go(func() {
			r, err := j.Append(t.Context(), numbered(i*10, 3))
			if err != nil {
				t.Error(err)
				return
			}
			b.checkReceipt(r, numbered(i*10, 3))
		})
	}
	call(0)
	<-held.entered
	const others = 50
	for i := range others {
		call(i + 1)
	}
	wait.Until(t, "the others queue", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return len(j.queue) == others })
	close(held.release)
	group.Wait()
	if signed := b.key.signed.Load() - before; signed != 2 {
		t.Errorf("%d signatures, want 2: the first append and all that waited for it", signed)
	}
	if c := b.checkLog(); c.Size != 3*(others+1) {
		t.Errorf("%d entries, want %d", c.Size, 3*(others+1))
	}
}

type heldStore struct {
	*store.DB
	entered, release chan struct{}
}

func (s *heldStore) AppendLog(ctx context.Context, fleet string, groups [][]store.Change,
	build func(*store.Appending) (store.Appended, error)) error {
	s.entered <- struct{}{}
	<-s.release
	return s.DB.AppendLog(ctx, fleet, groups, build)
}

// TestAnEntryThatCannotBeRecordedLosesItselfOnly: a name that somebody put into
// Git must not keep what others wait for out of the log.
func TestAnEntryThatCannotBeRecordedLosesItselfOnly(t *testing.T) {
	b := newBench(t)
	held := &heldStore{DB: b.rows, entered: make(chan struct{}, 8), release: make(chan struct{})}
	j := b.mustOpen(held)
	var group sync.WaitGroup
	var answered atomic.Int64
	call := func(refused bool, entries ...audit.Entry) {
		group.Go(func() {
			defer answered.Add(1)
			if _, err := j.Append(t.Context(), entries); errors.Is(err, audit.ErrEntry) != refused || !refused && err != nil {
				t.Errorf("%v, want refused: %t", err, refused)
			}
		})
	}
	call(false, numbered(0, 1)...)
	<-held.entered
	objects := []string{strings.Repeat("a", audit.MaxEntry), strings.Repeat("\x01", audit.MaxEntry/6), "web/a\x00b",
		"web/\xff"}
	for _, object := range objects {
		call(true, audit.Entry{Kind: audit.Unseal, Outcome: "Granted", Object: object})
	}
	call(false, numbered(1, 1)...)
	wait.Until(t, "the others were turned away or wait", func() bool { // the others were turned away, or wait too
		j.mu.Lock()
		defer j.mu.Unlock()
		return int(answered.Load())+len(j.queue) == len(objects)+1
	})
	close(held.release)
	group.Wait()
	if c := b.checkLog(); c.Size != 2 {
		t.Errorf("%d entries, want the 2 that can be recorded", c.Size)
	}
}

// TestTooManyEntriesAreTurnedAway: a log that hangs costs bounded memory.
func TestTooManyEntriesAreTurnedAway(t *testing.T) {
	b := newBench(t)
	held := &heldStore{DB: b.rows, entered: make(chan struct{}, 1<<10), release: make(chan struct{})}
	j := b.mustOpen(held)
	var group sync.WaitGroup
	var turned atomic.Int64
	for i := range 2 * maxQueue / 1000 {
		group.Go(func() {
			if _, err := j.Append(t.Context(), numbered(i*1000, 1000)); errors.Is(err, ErrQueue) {
				turned.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Until(t, "one is turned away", func() bool { return turned.Load() > 0 })
	j.mu.Lock()
	if j.queued > maxQueue {
		t.Errorf("%d entries wait, at most %d may", j.queued, maxQueue)
	}
	j.mu.Unlock()
	close(held.release)
	group.Wait()
	b.checkLog()
}

func TestARefusedChangeLosesItsOwnEntriesOnly(t *testing.T) {
	b := newBench(t)
	held := &heldStore{DB: b.rows, entered: make(chan struct{}, 8), release: make(chan struct{})}
	j := b.mustOpen(held)
	head := store.Head{Fleet: testFleet, Ref: "main", Hash: "a1", Accepted: time.Now()}
	fork := store.Head{Fleet: testFleet, Ref: "main", Hash: "b2", Parent: "somewhere else", Accepted: time.Now()}
	var group sync.WaitGroup
	results := make([]error, 4)
	call := func(i int, changes ...store.Change) {
		group.Go(func() {
			var r *Receipt
			if r, results[i] = j.Append(t.Context(), numbered(i*10, 2), changes...); results[i] == nil {
				b.checkReceipt(r, numbered(i*10, 2))
			}
		})
	}
	call(0)
	<-held.entered
	call(1, b.rows.AddHead(head))
	// The first of these is undone with the second.
	call(2, b.rows.AddCertificate(store.Certificate{Serial: "c", Fleet: testFleet, Cluster: "undone",
		NotAfter: time.Now().Add(time.Hour)}), b.rows.AddHead(fork))
	call(3)
	wait.Until(t, "three queue", func() bool { j.mu.Lock(); defer j.mu.Unlock(); return len(j.queue) == 3 })
	close(held.release)
	group.Wait()
	for i, err := range results {
		if i == 2 && !errors.Is(err, store.ErrHeadMoved) || i != 2 && err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if c := b.checkLog(); c.Size != 6 {
		t.Errorf("%d entries, want the 6 of the others", c.Size)
	}
	if names, err := b.rows.Enrolled(t.Context(), testFleet, time.Now()); err != nil || len(names) != 0 {
		t.Errorf("half of the refused changes was made: %v, %v", names, err)
	}
	if last, err := b.rows.LastHead(t.Context(), testFleet, "main"); err != nil || last.Hash != "a1" {
		t.Errorf("head %+v, %v", last, err)
	}
}
