package journal

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// faultStore fails appends: before they do anything, or after they are on disk.
type faultStore struct {
	*store.DB
	before, after atomic.Bool
}

func (s *faultStore) AppendLog(ctx context.Context, fleet string, groups [][]store.Change,
	build func(*store.Appending) (store.Appended, error)) error {
	failing := func(f *store.Appending) (store.Appended, error) {
		out, err := build(f)
		if err == nil && s.before.Load() {
			err = errors.New("disk full") // the transaction is undone
		}
		return out, err
	}
	err := s.DB.AppendLog(ctx, fleet, groups, failing)
	if err == nil && s.after.Load() {
		err = errors.New("connection lost")
	}
	return err
}

func TestAFailedAppendLeavesNothing(t *testing.T) {
	b := newBench(t)
	fault := &faultStore{DB: b.rows}
	j := b.mustOpen(fault)
	b.add(j, numbered(0, 5))
	head := store.Head{Fleet: testFleet, Ref: "main", Hash: "a1", Accepted: time.Now()}
	fault.before.Store(true)
	if _, err := j.Append(t.Context(), numbered(5, 1), b.rows.AddHead(head)); err == nil ||
		!strings.Contains(err.Error(), "disk full") {
		t.Fatalf("append: %v, want the store's error", err)
	}
	if c := b.checkLog(); c.Size != 5 {
		t.Errorf("%d entries after a failed append, want 5", c.Size)
	}
	if _, err := b.rows.LastHead(t.Context(), testFleet, "main"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("its change was made: %v", err)
	}
	fault.before.Store(false)
	b.add(j, numbered(6, 2), b.rows.AddHead(head))
	if c := b.checkLog(); c.Size != 7 {
		t.Errorf("%d entries, want 7", c.Size)
	}
}

// TestAnAppendThatFailedButIsOnDiskIsAnswered: otherwise a cluster's join token
// would be spent for a certificate that it never got.
func TestAnAppendThatFailedButIsOnDiskIsAnswered(t *testing.T) {
	b := newBench(t)
	fault := &faultStore{DB: b.rows}
	j := b.mustOpen(fault)
	b.add(j, numbered(0, 3))
	fault.after.Store(true)
	b.add(j, numbered(3, 2), b.rows.AddHead(store.Head{Fleet: testFleet, Ref: "main", Hash: "a1", Accepted: time.Now()}))
	fault.after.Store(false)
	b.add(j, numbered(5, 2))
	if c := b.checkLog(); c.Size != 7 {
		t.Errorf("%d entries, want 7: each once", c.Size)
	}
}

func TestATokenThatDoesNotSignRecordsNothing(t *testing.T) {
	b := newBench(t)
	b.add(b.j, numbered(0, 3))
	for name, fault := range map[string]*atomic.Bool{"no signature": &b.key.sick,
		"a signature of something else": &b.key.wrong} {
		fault.Store(true)
		if _, err := b.j.Append(t.Context(), numbered(3, 1)); err == nil {
			t.Errorf("%s: the append succeeded", name)
		}
		if c := b.checkLog(); c.Size != 3 {
			t.Errorf("%s: %d entries, want 3", name, c.Size)
		}
		fault.Store(false)
	}
	b.add(b.j, numbered(3, 1))
	b.checkLog()
}

// TestWhatReleasesNothingIsRecordedWithoutTheToken: refusals, heads and counts are
// on disk at once, and signed when the token is back, before anything newer.
func TestWhatReleasesNothingIsRecordedWithoutTheToken(t *testing.T) {
	b := newBench(t)
	b.add(b.j, numbered(0, 3))
	b.key.sick.Store(true)
	head := store.Head{Fleet: testFleet, Ref: "main", Hash: "a1", Accepted: time.Now()}
	refused := numbered(7, 2)
	for i := range refused {
		refused[i].Outcome = "NotPlaced"
	}
	if r, err := b.j.Leave(t.Context(), refused, b.rows.AddHead(head)); r != nil || err != nil {
		t.Fatalf("%v, %v; want no receipt and no error", r, err)
	}
	if last, err := b.rows.LastHead(t.Context(), testFleet, "main"); err != nil || last.Hash != "a1" {
		t.Errorf("head %+v, %v", last, err)
	}
	fork := store.Head{Fleet: testFleet, Ref: "main", Hash: "b2", Parent: "elsewhere", Accepted: time.Now()}
	if _, err := b.j.Leave(t.Context(), refused, b.rows.AddHead(fork)); !errors.Is(err, store.ErrHeadMoved) {
		t.Errorf("%v, want ErrHeadMoved", err)
	}
	if c := b.checkLog(); c.Size != 3 {
		t.Errorf("%d entries are signed, want 3", c.Size)
	}
	b.key.sick.Store(false)
	b.j = b.mustOpen(b.rows) // a restart in between
	if r := b.add(b.j, numbered(3, 1)); r.first != 5 {
		t.Errorf("the next entry is number %d, want 5: after those that waited", r.first)
	}
	b.checkLog()
}

func TestEntriesNeverGoBackInTime(t *testing.T) {
	b := newBench(t)
	b.add(b.j, numbered(0, 1))
	b.skew.Store(int64(24 * time.Hour))
	ahead := b.add(b.j, numbered(1, 1)).tip.last
	b.skew.Store(int64(-24 * time.Hour))
	back := b.add(b.j, numbered(2, 1)).tip.last
	if back.Before(ahead) {
		t.Errorf("an entry of %s after one of %s", back, ahead)
	}
	b.j = b.mustOpen(b.rows)
	if again := b.add(b.j, numbered(3, 1)).tip.last; again.Before(ahead) {
		t.Errorf("after a restart, an entry of %s after one of %s", again, ahead)
	}
	b.checkLog()
}

// TestTwoProcessesWriteOneLog: each appends through its own connection, and
// neither forks it.
func TestTwoProcessesWriteOneLog(t *testing.T) {
	b := newBench(t)
	journals := []*Journal{b.j, b.mustOpen(b.store()), b.mustOpen(b.store())}
	var group sync.WaitGroup
	for who, j := range journals {
		group.Go(func() {
			for i := range 40 {
				r, err := j.Append(t.Context(), numbered(who*1000+i*5, i%5+1))
				if err != nil {
					t.Error(err)
					return
				}
				b.checkReceipt(r, numbered(who*1000+i*5, i%5+1))
			}
		})
	}
	group.Wait()
	if c := b.checkLog(); c.Size != 3*40*3 {
		t.Errorf("%d entries, want %d", c.Size, 3*40*3)
	}
	// What one of them wrote is shown by another, to a cluster that saw it.
	b.add(journals[2], numbered(9000, 1))
	r, err := journals[0].Latest(t.Context(), 361)
	if err != nil || r.tip.Size != 361 {
		t.Fatalf("%v, %v; want the state of 361 entries", r, err)
	}
	if _, err := journals[0].Latest(t.Context(), 362); !errors.Is(err, ErrBehind) {
		t.Errorf("%v, want ErrBehind: nobody wrote 362 entries", err)
	}
}

// TestEntriesOfOtherProgramsComeFirst: what `token create` left is in the log
// before the enrolment that used the token.
func TestEntriesOfOtherProgramsComeFirst(t *testing.T) {
	b := newBench(t)
	beside := b.store()
	now := time.Now()
	made := audit.Entry{Kind: audit.Token, Outcome: "Done", Cluster: "prod-eu"}
	if err := beside.Do(t.Context(), Later(beside, testFleet, made, now),
		beside.AddPending(testFleet, []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	r := b.add(b.j, []audit.Entry{{Kind: audit.Enrol, Outcome: "Done", Cluster: "prod-eu"}})
	if r.first != 2 {
		t.Errorf("the service's entry is number %d, want 2", r.first)
	}
	b.checkLog()
	leaves, _, err := b.rows.FindLeaves(t.Context(), testFleet, store.LogFilter{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{string(audit.Token), string(audit.Person), string(audit.Enrol)} {
		if leaves[i].Kind != want {
			t.Errorf("entry %d is a %s, want %s", i, leaves[i].Kind, want)
		}
	}
	if waits, err := b.rows.HasPending(t.Context(), testFleet); err != nil || waits {
		t.Errorf("something still waits: %v, %v", waits, err)
	}
	b.add(b.j, numbered(0, 1))
	if c := b.checkLog(); c.Size != 4 {
		t.Errorf("%d entries, want 4: each once", c.Size)
	}
}
