package keyservice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// receipt is what shows that entries were recorded: they are in the tree of tip.
type receipt struct {
	tip *tip
	// first is the index of the first entry.
	first   int64
	entries [][]byte
	// hashes around the end of the tree, in memory.
	hashes tlog.HashReader
}

// inclusion is entry i of the receipt with its proof.
func (r *receipt) inclusion(i int) (*keyservicev1.Inclusion, error) {
	index := r.first + int64(i)
	proof, err := tlog.ProveRecord(r.tip.Size, index, r.hashes)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", index, err)
	}
	return &keyservicev1.Inclusion{Index: uint64(index), Entry: r.entries[i], Proof: proofBytes(proof)}, nil
}

// latest implements [recorder]. The caller may have seen what another process
// wrote: then the store is asked.
func (j *journal) latest(ctx context.Context, size uint64) (*receipt, error) {
	if known := j.tip.Load(); size <= uint64(known.Size) {
		return &receipt{tip: known, hashes: newHashes(known)}, nil
	}
	r, err := j.newest(ctx)
	if err == nil && size > uint64(r.tip.Size) {
		return nil, fmt.Errorf("%w: %d entries, and a caller says that it saw %d", errLogBehind, r.tip.Size, size)
	}
	return r, err
}

// newest asks the store, for what other processes wrote.
func (j *journal) newest(ctx context.Context) (*receipt, error) {
	state, err := j.rows.LogState(ctx, j.fleet)
	if err != nil {
		return nil, err
	}
	known := j.tip.Load()
	if state.Size == known.Size && bytes.Equal(state.Checkpoint, known.signed) {
		return &receipt{tip: known, hashes: newHashes(known)}, nil
	}
	next, err := j.follow(known, state, j.stored(ctx))
	if err != nil {
		return nil, err
	}
	j.publish(next)
	return &receipt{tip: next, hashes: newHashes(next)}, nil
}

// logState is the receipt's checkpoint, and that it grew from the log of since
// entries that the caller saw.
func (s *Server) logState(ctx context.Context, r *receipt, since uint64) (*keyservicev1.LogState, error) {
	if since > uint64(r.tip.Size) {
		return nil, fmt.Errorf("%w: %d entries, and a caller says that it saw %d", errLogBehind, r.tip.Size, since)
	}
	proof, err := proveGrowth(int64(since), r.tip.Size, s.readHashes(ctx, r))
	if err != nil {
		return nil, err
	}
	return &keyservicev1.LogState{Checkpoint: r.tip.signed, Consistency: proof}, nil
}

// readHashes looks at hand first: a cluster that asks often needs only those.
func (s *Server) readHashes(ctx context.Context, r *receipt) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		if found, err := r.hashes.ReadHashes(indexes); err == nil {
			return found, nil
		}
		return s.store.LogHashes(ctx, s.config.Fleet, indexes)
	}
}

// proveGrowth is the consistency proof between two sizes of one log; empty when
// there is nothing to prove.
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

// ProveConsistency implements the protocol, for sizes that the log had.
func (s *Server) ProveConsistency(ctx context.Context, in *keyservicev1.ProveConsistencyRequest) (*keyservicev1.ProveConsistencyResponse, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonCertificate, err)
	}
	older, newer := in.GetFromSize(), in.GetToSize()
	if older == 0 || older > newer || newer > math.MaxInt64 {
		return nil, s.refuse(keyservicev1.ReasonRequest, errors.New("the sizes are not 0 < from <= to"), "cluster", who.cluster)
	}
	r, err := s.journal.latest(ctx, newer)
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.cluster)
	}
	proof, err := proveGrowth(int64(older), int64(newer), s.readHashes(ctx, r))
	if errors.Is(err, store.ErrLog) {
		err = fmt.Errorf("%w; see docs/operations.md", err)
	}
	if err != nil {
		return nil, s.refuse(keyservicev1.ReasonUnavailable, err, "cluster", who.cluster)
	}
	return &keyservicev1.ProveConsistencyResponse{Proof: proof}, nil
}
