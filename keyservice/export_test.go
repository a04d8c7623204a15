package keyservice

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// Unrecorded makes a service forget what it decides, to measure what the audit
// log costs, until restore is called. No request may be under way.
func (s *Server) Unrecorded() (restore func()) {
	real := s.journal
	s.journal = oblivion{}
	return func() { s.journal = real }
}

type oblivion struct{}

func (oblivion) append(_ context.Context, entries []audit.Entry, _ ...store.Change) (*receipt, error) {
	return &receipt{tip: &tip{Checkpoint: audit.Checkpoint{Size: int64(len(entries))}}, entries: make([][]byte, len(entries)), hashes: oblivion{}}, nil
}

func (o oblivion) leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*receipt, error) {
	return o.append(ctx, entries, changes...)
}

func (oblivion) latest(context.Context, uint64) (*receipt, error) { return &receipt{tip: &tip{}}, nil }

func (oblivion) newest(context.Context) (*receipt, error) { return &receipt{tip: &tip{}}, nil }

func (oblivion) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return make([]tlog.Hash, len(indexes)), nil
}
