package keyservice

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const testFleet = "00112233445566778899aabbccddeeff"

// logKey is a log key in software: what the token does with it is tested with
// the token elsewhere.
type logKey struct {
	Token
	key *ecdsa.PrivateKey
	// signed counts signatures; sick fails them, wrong spoils them.
	signed      atomic.Int64
	sick, wrong atomic.Bool
}

func newLogKey(t testing.TB) *logKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &logKey{key: key}
}

func (k *logKey) Signer(context.Context, string) (crypto.Signer, error) { return k, nil }

func (k *logKey) Public() crypto.PublicKey { return k.key.Public() }

func (k *logKey) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	k.signed.Add(1)
	if k.sick.Load() {
		return nil, errors.New("the token is sick")
	}
	if k.wrong.Load() {
		digest = make([]byte, len(digest))
	}
	return k.key.Sign(random, digest, o)
}

// bench is a journal on a store of its own.
type bench struct {
	t    testing.TB
	path string
	key  *logKey
	rows *store.DB
	j    *journal
	skew atomic.Int64
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "store.db"), key: newLogKey(t)}
	b.rows = b.store()
	b.j = b.mustOpen(b.rows)
	return b
}

func (b *bench) store() *store.DB {
	b.t.Helper()
	rows, err := store.Open(b.t.Context(), b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { rows.Close() })
	return rows
}

func (b *bench) open(rows logStore) (*journal, error) {
	return openJournal(b.t.Context(), testFleet, b.key, rows, slog.New(slog.DiscardHandler), newMetrics(),
		func() time.Time { return time.Now().Add(time.Duration(b.skew.Load())) })
}

func (b *bench) mustOpen(rows logStore) *journal {
	b.t.Helper()
	j, err := b.open(rows)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

func numbered(from, n int) []audit.Entry {
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = audit.Entry{Kind: audit.Unseal, Outcome: "Granted", Cluster: "prod-eu", Digest: fmt.Sprintf("sha256:%064d", from+i)}
	}
	return entries
}

// add appends entries and holds the receipt to what a cluster holds it to.
func (b *bench) add(j *journal, entries []audit.Entry, changes ...store.Change) *receipt {
	b.t.Helper()
	r, err := j.append(b.t.Context(), entries, changes...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.checkReceipt(r, entries)
	return r
}

func (b *bench) checkReceipt(r *receipt, entries []audit.Entry) {
	b.t.Helper()
	c, err := audit.OpenCheckpoint(r.tip.signed, audit.Origin(testFleet), b.j.verifier)
	if err != nil {
		b.t.Fatal(err)
	}
	for i, want := range entries {
		in, err := r.inclusion(i)
		if err != nil {
			b.t.Fatal(err)
		}
		got, err := audit.ParseEntry(in.Entry)
		if err != nil {
			b.t.Fatal(err)
		}
		if got.Digest != want.Digest || got.Kind != want.Kind || got.Outcome != want.Outcome {
			b.t.Fatalf("entry %d is %+v, want %+v", i, got, want)
		}
		if err := audit.CheckInclusion(c, int64(in.Index), in.Entry, in.Proof); err != nil {
			b.t.Fatal(err)
		}
	}
}

// checkLog is the oracle: the tree over the stored entries, hashed again from
// nothing, is what the stored checkpoint says.
func (b *bench) checkLog() audit.Checkpoint {
	b.t.Helper()
	rows := b.store()
	state, err := rows.LogState(b.t.Context(), testFleet)
	if err != nil {
		b.t.Fatal(err)
	}
	if state.Size == 0 {
		return audit.Checkpoint{}
	}
	leaves, next, err := rows.FindLeaves(b.t.Context(), testFleet, store.LogFilter{Limit: 1 << 20})
	if err != nil || next != 0 {
		b.t.Fatal(next, err)
	}
	var all []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = all[index]
		}
		return found, nil
	})
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(i), leaf.Entry, read)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), read)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := audit.OpenCheckpoint(state.Checkpoint, audit.Origin(testFleet), b.j.verifier)
	if err != nil {
		b.t.Fatal(err)
	}
	if c.Size != int64(len(leaves)) || c.Size != state.Size || c.Root != root {
		b.t.Fatalf("%d entries with root %v; the row says %d, the checkpoint %d and %v", len(leaves), root, state.Size, c.Size, c.Root)
	}
	return c
}

func TestEveryReceiptIsProvenAtEverySize(t *testing.T) {
	b := newBench(t)
	var seen []*receipt
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
			r, err := j.append(t.Context(), numbered(i*10, 3))
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
	waitFor(t, func() bool { j.mu.Lock(); defer j.mu.Unlock(); return len(j.queue) == others })
	close(held.release)
	group.Wait()
	if signed := b.key.signed.Load() - before; signed != 2 {
		t.Errorf("%d signatures, want 2: the first append and all that waited for it", signed)
	}
	if c := b.checkLog(); c.Size != 3*(others+1) {
		t.Errorf("%d entries, want %d", c.Size, 3*(others+1))
	}
}

func waitFor(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never happened")
		}
	}
}

type heldStore struct {
	*store.DB
	entered, release chan struct{}
}

func (s *heldStore) AppendLog(ctx context.Context, fleet string, groups [][]store.Change, build func(*store.Appending) (store.Appended, error)) error {
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
	call := func(refused bool, entries ...audit.Entry) {
		group.Go(func() {
			if _, err := j.append(t.Context(), entries); errors.Is(err, audit.ErrEntry) != refused || !refused && err != nil {
				t.Errorf("%v, want refused: %t", err, refused)
			}
		})
	}
	call(false, numbered(0, 1)...)
	<-held.entered
	for _, object := range []string{strings.Repeat("a", audit.MaxEntry), strings.Repeat("\x01", audit.MaxEntry/6), "web/a\x00b", "web/\xff"} {
		call(true, audit.Entry{Kind: audit.Unseal, Outcome: "Granted", Object: object})
	}
	call(false, numbered(1, 1)...)
	waitFor(t, func() bool { j.mu.Lock(); defer j.mu.Unlock(); return len(j.queue) > 0 })
	time.Sleep(10 * time.Millisecond) // the others were turned away, or wait too
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
			if _, err := j.append(t.Context(), numbered(i*1000, 1000)); errors.Is(err, errQueue) {
				turned.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	waitFor(t, func() bool { return turned.Load() > 0 })
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
			var r *receipt
			if r, results[i] = j.append(t.Context(), numbered(i*10, 2), changes...); results[i] == nil {
				b.checkReceipt(r, numbered(i*10, 2))
			}
		})
	}
	call(0)
	<-held.entered
	call(1, b.rows.AddHead(head))
	// The first of these is undone with the second.
	call(2, b.rows.AddCertificate(store.Certificate{Serial: "c", Fleet: testFleet, Cluster: "undone", NotAfter: time.Now().Add(time.Hour)}), b.rows.AddHead(fork))
	call(3)
	waitFor(t, func() bool { j.mu.Lock(); defer j.mu.Unlock(); return len(j.queue) == 3 })
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

// faultStore fails appends: before they do anything, or after they are on disk.
type faultStore struct {
	*store.DB
	before, after atomic.Bool
}

func (s *faultStore) AppendLog(ctx context.Context, fleet string, groups [][]store.Change, build func(*store.Appending) (store.Appended, error)) error {
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
	if _, err := j.append(t.Context(), numbered(5, 1), b.rows.AddHead(head)); err == nil || !strings.Contains(err.Error(), "disk full") {
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
	for name, fault := range map[string]*atomic.Bool{"no signature": &b.key.sick, "a signature of something else": &b.key.wrong} {
		fault.Store(true)
		if _, err := b.j.append(t.Context(), numbered(3, 1)); err == nil {
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
	refused := []audit.Entry{refusedUnseal("prod-eu", 7), refusedUnseal("prod-eu", 8)}
	if r, err := b.j.leave(t.Context(), refused, b.rows.AddHead(head)); r != nil || err != nil {
		t.Fatalf("%v, %v; want no receipt and no error", r, err)
	}
	if last, err := b.rows.LastHead(t.Context(), testFleet, "main"); err != nil || last.Hash != "a1" {
		t.Errorf("head %+v, %v", last, err)
	}
	fork := store.Head{Fleet: testFleet, Ref: "main", Hash: "b2", Parent: "elsewhere", Accepted: time.Now()}
	if _, err := b.j.leave(t.Context(), refused, b.rows.AddHead(fork)); !errors.Is(err, store.ErrHeadMoved) {
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
	journals := []*journal{b.j, b.mustOpen(b.store()), b.mustOpen(b.store())}
	var group sync.WaitGroup
	for who, j := range journals {
		group.Go(func() {
			for i := range 40 {
				r, err := j.append(t.Context(), numbered(who*1000+i*5, i%5+1))
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
	r, err := journals[0].latest(t.Context(), 361)
	if err != nil || r.tip.Size != 361 {
		t.Fatalf("%v, %v; want the state of 361 entries", r, err)
	}
	if _, err := journals[0].latest(t.Context(), 362); !errors.Is(err, errLogBehind) {
		t.Errorf("%v, want errLogBehind: nobody wrote 362 entries", err)
	}
}

// TestEntriesOfOtherProgramsComeFirst: what `token create` left is in the log
// before the enrolment that used the token.
func TestEntriesOfOtherProgramsComeFirst(t *testing.T) {
	b := newBench(t)
	beside := b.store()
	now := time.Now()
	made := audit.Entry{Kind: audit.Token, Outcome: outcomeDone, Cluster: "prod-eu"}
	if err := beside.Do(t.Context(), RecordLater(beside, testFleet, made, now), beside.AddPending(testFleet, []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	r := b.add(b.j, []audit.Entry{{Kind: audit.Enrol, Outcome: outcomeDone, Cluster: "prod-eu"}})
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
