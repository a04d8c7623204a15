package journal

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// Inclusions proves leaves of the log. Neighbours share most of their proofs'
// hashes: each is read once.
func (r *Receipt) Inclusions(ctx context.Context, leaves []store.Leaf) ([]*keyservicev1.Inclusion, error) {
	read := &remembering{from: r.journal.stored(ctx), known: map[int64]tlog.Hash{}}
	proven := make([]*keyservicev1.Inclusion, len(leaves))
	for i, leaf := range leaves {
		for n, hash := range leaf.Hashes {
			read.known[tlog.StoredHashIndex(0, leaf.Index)+int64(n)] = hash
		}
		var err error
		if proven[i], err = r.prove(leaf.Index, leaf.Entry, read); err != nil {
			return nil, err
		}
	}
	return proven, nil
}

// remembering reads each hash once.
type remembering struct {
	from  tlog.HashReader
	known map[int64]tlog.Hash
}

// ReadHashes implements [tlog.HashReader].
func (m *remembering) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var missing []int64
	for _, index := range indexes {
		if _, ok := m.known[index]; !ok {
			missing = append(missing, index)
		}
	}
	found, err := m.from.ReadHashes(missing)
	if err != nil {
		return nil, err
	}
	for i, index := range missing {
		m.known[index] = found[i]
	}
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = m.known[index]
	}
	return out, nil
}
