package keyservice

import (
	"context"
	"errors"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/keyservice/tally"
)

// recordAct puts an entry into the audit log. When it returns nil the entry is
// on disk.
func (s *clerk) recordAct(ctx context.Context, e audit.Entry) error {
	_, err := s.journal.Leave(ctx, []audit.Entry{e})
	return err
}

// recordDenials makes refusals durable, or counts them. The caller may answer
// when it returns nil.
func (s *clerk) recordDenials(ctx context.Context, refused ...audit.Entry) error {
	record, _ := s.tally.Admit(refused)
	if len(record) == 0 {
		return nil
	}
	if _, err := s.journal.Leave(ctx, record); err != nil {
		return err
	}
	s.tally.Recorded(record)
	return nil
}

// flushDenials records the counts that are due, and what other programs left.
func (s *clerk) flushDenials(ctx context.Context, all bool) {
	entries := s.tally.Due(all)
	if len(entries) == 0 {
		if waits, err := s.store.HasPending(ctx, s.fleet); err != nil || !waits {
			return
		}
	}
	for len(entries) > journal.MaxAppend {
		s.flush(ctx, entries[:journal.MaxAppend])
		entries = entries[journal.MaxAppend:]
	}
	s.flush(ctx, entries)
}

func (s *clerk) flush(ctx context.Context, entries []audit.Entry) {
	if _, err := s.journal.Leave(ctx, entries); err != nil {
		s.log.Error("counts of refusals are not recorded yet", "counts", len(entries), "error", err.Error())
		s.tally.Owe(entries)
	}
}

// followDenials flushes until ctx ends.
func (s *clerk) followDenials(ctx context.Context) {
	ticker := time.NewTicker(tally.Window / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.flushDenials(ctx, false)
		}
	}
}

// owe accounts for what a request asked of the token when nothing of it could be
// recorded, and nothing was released: at once by a metric and the service's own
// log, and in the audit log by the caller's next count.
func (s *clerk) owe(e audit.Entry, operations int) {
	if operations == 0 {
		return
	}
	s.metrics.operations.WithLabelValues("lost").Add(float64(operations))
	s.log.Error("token operations of a request that could not be recorded", "cluster", e.Cluster, "person", e.Person, "operations", operations)
	e.Operations = operations
	s.tally.Count(e)
}

// appendAt records what was decided at a head, if that is still the accepted one:
// the transaction that makes a grant durable reads the row. store.ErrHeadMoved
// means that it is to be decided again. record is Append or Leave of the journal.
func (s *clerk) appendAt(ctx context.Context, at *heads.Head,
	record func(context.Context, []audit.Entry, ...store.Change) (*journal.Receipt, error),
	entries []audit.Entry, changes ...store.Change,
) (*journal.Receipt, error) {
	still := s.store.AtHead(s.fleet, s.ref, at.Hash)
	return appendIf(ctx, at, record, entries, append([]store.Change{still}, changes...)...)
}

// appendDecided records grants, if neither the head moved nor anything was denied
// since they were decided: a denial holds for every grant that is not on disk.
func (s *clerk) appendDecided(ctx context.Context, g *grounds, entries []audit.Entry) (*journal.Receipt, error) {
	still := s.store.Decided(s.fleet, s.ref, g.head.Hash, g.denied.number)
	return appendIf(ctx, g.head, s.journal.Append, entries, still)
}

func appendIf(ctx context.Context, at *heads.Head, record func(context.Context, []audit.Entry, ...store.Change) (*journal.Receipt, error),
	entries []audit.Entry, changes ...store.Change,
) (*journal.Receipt, error) {
	receipt, err := record(ctx, entries, changes...)
	if errors.Is(err, store.ErrHeadMoved) {
		at.Supersede()
	}
	return receipt, err
}
