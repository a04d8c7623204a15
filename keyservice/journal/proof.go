package journal

import (
	"bytes"
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Receipt is a signed state of the log, and what shows that entries were
// recorded: they are in its tree. It is immutable.
type Receipt struct {
	journal *Journal
	tip     *tip
	// first is the index of the first entry.
	first   int64
	entries [][]byte
	// hashes around the end of the tree, in memory.
	hashes tlog.HashReader
}

// at is the receipt of a state, for no entry.
func (j *Journal) at(t *tip) *Receipt {
	return &Receipt{journal: j, tip: t, hashes: newHashes(t)}
}

// Latest is the newest state of the log, which has at least size entries. The
// caller may have seen what another process wrote: then the store is asked.
// ErrBehind: it has not so many either.
func (j *Journal) Latest(ctx context.Context, size uint64) (*Receipt, error) {
	if known := j.tip.Load(); size <= uint64(known.Size) {
		return j.at(known), nil
	}
	r, err := j.Newest(ctx)
	if err == nil {
		err = r.reaches(size)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Newest is the newest state that any process wrote: it asks the store, and fails
// on one that this process would not go on with.
func (j *Journal) Newest(ctx context.Context) (*Receipt, error) {
	state, err := j.rows.LogState(ctx, j.fleet)
	if err != nil {
		return nil, err
	}
	known := j.tip.Load()
	if state.Size == known.Size && bytes.Equal(state.Checkpoint, known.signed) {
		return j.at(known), nil
	}
	next, err := j.follow(known, state, j.stored(ctx))
	if err != nil {
		return nil, err
	}
	j.publish(next)
	return j.at(next), nil
}

// Size is how many entries the log has in this state.
func (r *Receipt) Size() int64 { return r.tip.Size }

// reaches says ErrBehind of a state that is shorter than what was seen.
func (r *Receipt) reaches(seen uint64) error {
	if seen > uint64(r.tip.Size) {
		return fmt.Errorf("%w: %d entries, and a caller says that it saw %d", ErrBehind, r.tip.Size, seen)
	}
	return nil
}

// Inclusion is entry i of the receipt with its proof.
func (r *Receipt) Inclusion(i int) (*keyservicev1.Inclusion, error) {
	return r.prove(r.first+int64(i), r.entries[i], r.hashes)
}

func (r *Receipt) prove(index int64, entry []byte, read tlog.HashReader) (*keyservicev1.Inclusion, error) {
	proof, err := tlog.ProveRecord(r.tip.Size, index, read)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	return &keyservicev1.Inclusion{Index: uint64(index), Entry: entry, Proof: proofBytes(proof)}, nil
}

// State is the receipt's checkpoint, and that it grew from the log of since
// entries that the caller saw. ErrBehind: it is shorter.
func (r *Receipt) State(ctx context.Context, since uint64) (*keyservicev1.LogState, error) {
	if err := r.reaches(since); err != nil {
		return nil, err
	}
	proof, err := r.Growth(ctx, int64(since), r.tip.Size)
	if err != nil {
		return nil, err
	}
	return &keyservicev1.LogState{Checkpoint: r.tip.signed, Consistency: proof}, nil
}

// Growth proves that the log of newer entries, at most [Receipt.Size], begins
// with that of older ones; empty when there is nothing to prove. store.ErrLog: the
// stored log is not whole.
func (r *Receipt) Growth(ctx context.Context, older, newer int64) ([][]byte, error) {
	return proveGrowth(older, newer, r.atHand(ctx))
}

// atHand looks into memory first: a cluster that asks often needs only that.
func (r *Receipt) atHand(ctx context.Context) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		if found, err := r.hashes.ReadHashes(indexes); err == nil {
			return found, nil
		}
		return r.journal.stored(ctx)(indexes)
	}
}

func proveGrowth(older, newer int64, read tlog.HashReader) ([][]byte, error) {
	if older == 0 || older == newer {
		return nil, nil
	}
	proof, err := tlog.ProveTree(newer, older, read)
	if err != nil {
		return nil, fmt.Errorf("prove that %d entries begin with %d: %w", newer, older, err)
	}
	return proofBytes(proof), nil
}

func proofBytes[P ~[]tlog.Hash](proof P) [][]byte {
	out := make([][]byte, len(proof))
	for i := range proof {
		out[i] = proof[i][:]
	}
	return out
}
