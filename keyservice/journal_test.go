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
