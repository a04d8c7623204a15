package journal

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// tip is a state of the log: immutable.
type tip struct {
	audit.Checkpoint
	// signed is the checkpoint as a note; empty for the empty log.
	signed []byte
	// last is the time of the last entry.
	last time.Time
	// edge are the hashes that the root is made of, by stored index: those of the
	// greatest complete subtrees. They are all that a longer tree needs of it.
	edge map[int64]tlog.Hash
}

// take computes the root at a size and keeps what it is made of.
func (t *tip) take(size int64, from tlog.HashReader) (tlog.Hash, error) {
	t.edge = map[int64]tlog.Hash{}
	return tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found, err := from.ReadHashes(indexes)
		if err == nil {
			for i, index := range indexes {
				t.edge[index] = found[i]
			}
		}
		return found, err
	}))
}

func treeRoot(size int64, from tlog.HashReader) (tlog.Hash, error) {
	return tlog.TreeHash(size, from)
}

// hashes are the stored hashes around the end of the log, in memory: enough to
// append, and to show that the entries just appended are in it.
type hashes struct {
	edge map[int64]tlog.Hash
	// fresh are those of the entries after edge, in order of their index.
	start int64
	fresh []tlog.Hash
}

func newHashes(base *tip) *hashes {
	return &hashes{edge: base.edge, start: tlog.StoredHashCount(base.Size)}
}

// ReadHashes implements [tlog.HashReader].
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		var ok bool
		if found[i], ok = h.get(index); !ok {
			return nil, fmt.Errorf("hash %d is not at hand", index)
		}
	}
	return found, nil
}

func (h *hashes) get(index int64) (tlog.Hash, bool) {
	if at := index - h.start; at >= 0 {
		if at < int64(len(h.fresh)) {
			return h.fresh[at], true
		}
		return tlog.Hash{}, false
	}
	hash, ok := h.edge[index]
	return hash, ok
}

// stored reads hashes from the store.
func (j *Journal) stored(ctx context.Context) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		return j.rows.LogHashes(ctx, j.fleet, indexes)
	}
}

// publish makes a state the newest unless a newer one is.
func (j *Journal) publish(next *tip) {
	for {
		now := j.tip.Load()
		if now.Size >= next.Size {
			return
		}
		if j.tip.CompareAndSwap(now, next) {
			j.observer.Grew(next.Size)
			return
		}
	}
}

// follow checks a state that another process wrote: it is signed by the token's
// log key, its root is that of the stored hashes, and it has known as its
// beginning.
func (j *Journal) follow(known *tip, state store.LogState, read tlog.HashReaderFunc) (*tip, error) {
	next, err := j.open(state, read)
	if err != nil {
		return nil, err
	}
	if next.Size < known.Size {
		return nil, fmt.Errorf("%w: %d entries of %d", ErrBehind, next.Size, known.Size)
	}
	if err := growsFrom(known, next, read); err != nil {
		return nil, err
	}
	return next, nil
}

// growsFrom refuses to go on with a fork, whoever signed it.
func growsFrom(known, next *tip, read tlog.HashReader) error {
	proof, err := proveGrowth(known.Size, next.Size, read)
	if err == nil {
		err = audit.CheckConsistency(known.Checkpoint, next.Checkpoint, proof)
	}
	if err != nil {
		return fmt.Errorf("go on with the audit log that another process wrote: %w", err)
	}
	return nil
}

// open checks a state of the log as it is stored.
func (j *Journal) open(state store.LogState, read tlog.HashReader) (*tip, error) {
	t := &tip{signed: state.Checkpoint, last: state.Last}
	root, err := t.take(state.Size, read)
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	if state.Size == 0 && len(state.Checkpoint) == 0 {
		t.Checkpoint = audit.Checkpoint{Origin: audit.Origin(j.fleet), Root: root}
		return t, nil
	}
	if t.Checkpoint, err = audit.OpenCheckpoint(state.Checkpoint, audit.Origin(j.fleet), j.verifier); err != nil {
		return nil, fmt.Errorf("open audit log: its checkpoint is not this fleet's and token's: %w", err)
	}
	if t.Size != state.Size || t.Root != root {
		return nil, fmt.Errorf("open audit log: its entries are not those that its checkpoint was signed for: %w",
			store.ErrLog)
	}
	return t, nil
}
