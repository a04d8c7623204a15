package keyservice_test

import (
	"context"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/sealing"
)

// leaves reads the whole log.
func (w *world) leaves() []store.Leaf {
	w.t.Helper()
	var all []store.Leaf
	for next := int64(0); ; {
		page, more, err := w.rows.FindLeaves(context.Background(), w.fleet, store.LogFilter{From: next, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, page...)
		if next = more; next == 0 {
			return all
		}
	}
}

// newest returns the last n entries, the newest first.
func (w *world) newest(n int) []audit.Entry {
	w.t.Helper()
	leaves := w.leaves()
	var entries []audit.Entry
	for i := len(leaves) - 1; i >= 0 && len(entries) < n; i-- {
		entries = append(entries, parse(w.t, leaves[i].Entry))
	}
	return entries
}

// recorded returns the entries of one kind, in order.
func (w *world) recorded(kind audit.Kind) []audit.Entry {
	w.t.Helper()
	var entries []audit.Entry
	for _, leaf := range w.leaves() {
		if e := parse(w.t, leaf.Entry); e.Kind == kind {
			entries = append(entries, e)
		}
	}
	return entries
}

func parse(t testing.TB, data []byte) audit.Entry {
	t.Helper()
	e, err := audit.ParseEntry(data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) logVerifier() note.Verifier {
	w.t.Helper()
	verifier, err := sealing.NewVerifier(sealing.VerifierKey(audit.Origin(w.fleet), w.made.Log))
	if err != nil {
		w.t.Fatal(err)
	}
	return verifier
}

// checkLog is the oracle: the tree over the leaves, hashed again from nothing, is
// what the last checkpoint says, under the token's log key. It runs at the end of
// every test of the service.
func (w *world) checkLog() audit.Checkpoint {
	w.t.Helper()
	state, err := w.rows.LogState(context.Background(), w.fleet)
	if err != nil {
		w.t.Fatal(err)
	}
	leaves := w.leaves()
	checkpoint, err := audit.OpenCheckpoint(state.Checkpoint, audit.Origin(w.fleet), w.logVerifier())
	if err != nil {
		w.t.Fatal(err)
	}
	if int64(len(leaves)) != checkpoint.Size || state.Size != checkpoint.Size {
		w.t.Fatalf("%d leaves, the row says %d, the checkpoint %d", len(leaves), state.Size, checkpoint.Size)
	}
	if root := rootOf(w.t, leaves); root != checkpoint.Root {
		w.t.Fatalf("the root over the leaves is %v, the checkpoint says %v", root, checkpoint.Root)
	}
	for i := 1; i < len(leaves); i++ {
		if parse(w.t, leaves[i].Entry).Time.Before(parse(w.t, leaves[i-1].Entry).Time) {
			w.t.Errorf("entry %d is older than the one before it", i)
		}
	}
	return checkpoint
}

// rootOf hashes entries into a tree of its own.
func rootOf(t testing.TB, leaves []store.Leaf) tlog.Hash {
	t.Helper()
	var hashes memoryHashes
	for i, leaf := range leaves {
		if leaf.Index != int64(i) {
			t.Fatalf("entry %d stands in the place of %d", leaf.Index, i)
		}
		completed, err := tlog.StoredHashes(int64(i), leaf.Entry, &hashes)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, completed...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), &hashes)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

type memoryHashes []tlog.Hash

func (m *memoryHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = (*m)[index]
	}
	return found, nil
}
