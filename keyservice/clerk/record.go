package clerk

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

// RecordAct puts an entry into the audit log. When it returns nil the entry is
// on disk.
func (s *Clerk) RecordAct(ctx context.Context, e audit.Entry) error {
	_, err := s.Journal.Leave(ctx, []audit.Entry{e})
	return err
}

// RecordRead is RecordAct for what people's pages ask again by themselves: the same again is
// counted for a while.
func (s *Clerk) RecordRead(ctx context.Context, e audit.Entry) error {
	if !s.Reads.Admit(e) {
		return nil
	}
	if err := s.RecordAct(ctx, e); err != nil {
		return err
	}
	s.Reads.Recorded(e)
	return nil
}

// RecordDenials makes refusals durable, or counts them. The caller may answer
// when it returns nil.
func (s *Clerk) RecordDenials(ctx context.Context, refused ...audit.Entry) error {
	record, _ := s.Tally.Admit(refused)
	if len(record) == 0 {
		return nil
	}
	if _, err := s.Journal.Leave(ctx, record); err != nil {
		return err
	}
	s.Tally.Recorded(record)
	return nil
}

// FlushDenials records the counts that are due, those of reads too, and what other programs
// left.
func (s *Clerk) FlushDenials(ctx context.Context, all bool) {
	entries := append(s.Tally.Due(all), s.Reads.Due(all)...)
	if len(entries) == 0 {
		if waits, err := s.Rows.HasPending(ctx, s.Fleet); err != nil || !waits {
			return
		}
	}
	for len(entries) > journal.MaxAppend {
		s.flush(ctx, entries[:journal.MaxAppend])
		entries = entries[journal.MaxAppend:]
	}
	s.flush(ctx, entries)
}

func (s *Clerk) flush(ctx context.Context, entries []audit.Entry) {
	if _, err := s.Journal.Leave(ctx, entries); err != nil {
		s.Log.Error("counts are not recorded yet", "counts", len(entries), "error", err.Error())
		s.Tally.Owe(entries)
	}
}

// FollowDenials flushes until ctx ends.
func (s *Clerk) FollowDenials(ctx context.Context) {
	ticker := time.NewTicker(tally.Window / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.FlushDenials(ctx, false)
		}
	}
}

// Owe accounts for what a request asked of the token when nothing of it could be
// recorded, and nothing was released: at once by a metric and the service's own
// log, and in the audit log by the caller's next count.
func (s *Clerk) Owe(e audit.Entry, operations int) {
	if operations == 0 {
		return
	}
	s.Metrics.Asked("lost", operations)
	s.Log.Error("token operations of a request that could not be recorded",
		"cluster", e.Cluster, "person", e.Person, "operations", operations)
	e.Operations = operations
	s.Tally.Count(e)
}

// Write is Append or Leave of the journal.
type Write func(context.Context, []audit.Entry, ...store.Change) (*journal.Receipt, error)

// AppendAt records what was decided at a head, if that is still the accepted one:
// the transaction that makes a grant durable reads the row. store.ErrHeadMoved
// means that it is to be decided again.
func (s *Clerk) AppendAt(ctx context.Context, at *heads.Head,
	write Write, entries []audit.Entry, changes ...store.Change,
) (*journal.Receipt, error) {
	still := s.Rows.AtHead(s.Fleet, s.Ref, at.Hash)
	return AppendIf(ctx, at, write, entries, append([]store.Change{still}, changes...)...)
}

// AppendIf is AppendAt where the changes say by themselves whether the head is still
// the accepted one.
func AppendIf(ctx context.Context, at *heads.Head,
	write Write, entries []audit.Entry, changes ...store.Change,
) (*journal.Receipt, error) {
	receipt, err := write(ctx, entries, changes...)
	if errors.Is(err, store.ErrHeadMoved) {
		at.Supersede()
	}
	return receipt, err
}
