package journal

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
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/fixtures/emptystore"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const testFleet = "00112233445566778899aabbccddeeff"

// logKey is a log key in software: what the token does with it is tested with
// the token elsewhere.
type logKey struct {
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
	j    *Journal
	skew atomic.Int64
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "store.db"), key: newLogKey(t)}
	emptystore.At(t, b.path)
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

func (b *bench) open(rows Store) (*Journal, error) {
	return Open(b.t.Context(),
		options(b.key, rows, func() time.Time { return time.Now().Add(time.Duration(b.skew.Load())) }))
}

func options(key *logKey, rows Store, now func() time.Time) Options {
	return Options{Fleet: testFleet, Token: key, Store: rows, Observer: unobserved{}, Log: slog.New(slog.DiscardHandler),
		Now: now}
}

type unobserved struct{}

func (unobserved) Appended(time.Duration, int, bool) {}

func (unobserved) Grew(int64) {}

func (b *bench) mustOpen(rows Store) *Journal {
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
		entries[i] = audit.Entry{Kind: audit.Unseal, Outcome: "Granted", Cluster: "prod-eu",
			Digest: fmt.Sprintf("sha256:%064d", from+i)}
	}
	return entries
}

// add appends entries and holds the receipt to what a cluster holds it to.
func (b *bench) add(j *Journal, entries []audit.Entry, changes ...store.Change) *Receipt {
	b.t.Helper()
	r, err := j.Append(b.t.Context(), entries, changes...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.checkReceipt(r, entries)
	return r
}

func (b *bench) checkReceipt(r *Receipt, entries []audit.Entry) {
	b.t.Helper()
	c, err := audit.OpenCheckpoint(r.tip.signed, audit.Origin(testFleet), b.j.verifier)
	if err != nil {
		b.t.Fatal(err)
	}
	for i, want := range entries {
		in, err := r.Inclusion(i)
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

// hashAnew computes the stored hashes of a log, and tells which of them each leaf
// completes.
func (b *bench) hashAnew(leaves []store.Leaf, each func(leaf int, completed []tlog.Hash)) tlog.HashReaderFunc {
	b.t.Helper()
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
		each(i, hashes)
	}
	return read
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
	read := b.hashAnew(leaves, func(int, []tlog.Hash) {})
	root, err := tlog.TreeHash(int64(len(leaves)), read)
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := audit.OpenCheckpoint(state.Checkpoint, audit.Origin(testFleet), b.j.verifier)
	if err != nil {
		b.t.Fatal(err)
	}
	if c.Size != int64(len(leaves)) || c.Size != state.Size || c.Root != root {
		b.t.Fatalf("%d entries with root %v; the row says %d, the checkpoint %d and %v", len(leaves), root, state.Size,
			c.Size, c.Root)
	}
	return c
}
