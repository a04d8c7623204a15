package keyservice

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// ReadAudit asks what [Server.Serve] would hand on, without a role.
func (s *Server) ReadAudit(ctx context.Context, in *keyservicev1.ListAuditRequest) (*keyservicev1.ListAuditResponse, error) {
	return s.admins.ListAudit(ctx, in)
}

// Unrecorded makes a service forget what it decides, to measure what the audit
// log costs, until restore is called. Every append gets the receipt of one that
// was made before, of so many entries. No request may be under way.
func (s *Server) Unrecorded(ctx context.Context, entries int) (restore func(), err error) {
	same := make([]audit.Entry, entries)
	for i := range same {
		same[i] = audit.Entry{Kind: audit.Unseal, Outcome: "Granted"}
	}
	receipt, err := s.Journal.Append(ctx, same)
	if err != nil {
		return nil, err
	}
	real := s.Journal
	s.Journal = oblivion{receipt: receipt, entries: entries}
	return func() { s.Journal = real }, nil
}

type oblivion struct {
	receipt *journal.Receipt
	entries int
}

func (o oblivion) Append(_ context.Context, entries []audit.Entry, _ ...store.Change) (*journal.Receipt, error) {
	if len(entries) != o.entries {
		return nil, fmt.Errorf("%d entries, where each append has %d", len(entries), o.entries)
	}
	return o.receipt, nil
}

func (o oblivion) Leave(ctx context.Context, entries []audit.Entry, changes ...store.Change) (*journal.Receipt, error) {
	return o.Append(ctx, entries, changes...)
}

func (o oblivion) Latest(context.Context, uint64) (*journal.Receipt, error) { return o.receipt, nil }

func (o oblivion) Newest(context.Context) (*journal.Receipt, error) { return o.receipt, nil }
