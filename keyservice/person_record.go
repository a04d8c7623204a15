package keyservice

import (
	"context"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// recordAct puts an entry into the audit log. When it returns nil the entry is
// on disk.
func (s *Server) recordAct(ctx context.Context, e audit.Entry) error {
	_, err := s.journal.Leave(ctx, []audit.Entry{e})
	return err
}

// recordDenial is [Server.recordAct] for a refusal, which a stranger can cause
// as often as they like.
func (s *Server) recordDenial(ctx context.Context, e audit.Entry) error {
	return s.recordDenials(ctx, e)
}

// recordReport puts a report into the ledger and the audit log, both or neither.
// A sign of life changes nothing, and the log does not mention it.
func (s *Server) recordReport(ctx context.Context, who authority.Cluster, at *head, r *store.LedgerReport, change store.Change) error {
	e := reportEntry(who, at, r)
	if e == nil {
		return s.store.Do(ctx, change)
	}
	_, err := s.appendAt(ctx, at, s.journal.Leave, []audit.Entry{*e}, change)
	return err
}
