package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// AuditPage is a part of the audit log that was verified.
type AuditPage struct {
	Entries []AuditEntry
	// Next is where to read on; 0 at the end.
	Next int64
	// Checkpoint is the log's state, Signed as it came.
	Checkpoint audit.Checkpoint
	Signed     []byte
	// Consistency shows that the log grew into it from the Before entries that were
	// seen last.
	Before      int64
	Consistency [][]byte
}

// AuditEntry is one entry of the log, shown to be in it.
type AuditEntry struct {
	Index int64
	// Leaf is the entry as it was recorded.
	Leaf  []byte
	Entry audit.Entry
	// Proof shows it in the log of the page's checkpoint; an export needs none.
	Proof [][]byte
}

// ReadAudit is ListAudit with everything in the answer verified: the checkpoint,
// that it grew from the one seen last, and each entry. What does not hold is a
// [*LogError]. That nothing was left out cannot be verified when there is a
// filter.
func (a *Admin) ReadAudit(ctx context.Context, log *Log, in *keyservicev1.ListAuditRequest) (*AuditPage, error) {
	if a.err != nil {
		return nil, a.err
	}
	w, err := log.witness(ctx, a.fleet)
	if err != nil {
		return nil, err
	}
	question := proto.CloneOf(in)
	question.LogSize = uint64(w.before.Size)
	answer, err := a.ListAudit(ctx, question)
	if err != nil {
		return nil, err
	}
	page := &AuditPage{
		Signed: answer.GetLog().GetCheckpoint(), Before: w.before.Size, Consistency: answer.GetLog().GetConsistency(),
	}
	if page.Checkpoint, err = w.open(answer.GetLog()); err != nil {
		return nil, err
	}
	if err := page.take(question, answer); err != nil {
		return nil, &LogError{err}
	}
	return page, w.advance(ctx, page.Checkpoint, page.Signed, noProver)
}

// noProver: people are not shown one size in another. Two answers under way at
// once are two programs.
func noProver(context.Context, int64, int64) ([][]byte, error) {
	return nil, errors.New("read audit log: another program read it at the same time: try again")
}

func (p *AuditPage) take(question *keyservicev1.ListAuditRequest, answer *keyservicev1.ListAuditResponse) error {
	due := question.GetFrom()
	for _, in := range answer.GetEntries() {
		if in.GetIndex() < due || in.GetIndex() > audit.MaxSize {
			return fmt.Errorf("entry %d is out of order", in.GetIndex())
		}
		due = in.GetIndex() + 1
		e := AuditEntry{Index: int64(in.GetIndex()), Leaf: in.GetEntry(), Proof: in.GetProof()}
		if err := audit.CheckInclusion(p.Checkpoint, e.Index, e.Leaf, in.GetProof()); err != nil {
			return err
		}
		var err error
		if e.Entry, err = audit.ParseEntry(e.Leaf); err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		if !asked(question, e.Entry) {
			return fmt.Errorf("entry %d is not one that was asked for", e.Index)
		}
		p.Entries = append(p.Entries, e)
	}
	if next := answer.GetNext(); next != 0 && (next < due || next <= question.GetFrom() || next > uint64(p.Checkpoint.Size)) {
		return fmt.Errorf("it reads on at entry %d", next)
	}
	p.Next = int64(answer.GetNext())
	return nil
}

// asked says whether an entry is one that the filters let through.
func asked(in *keyservicev1.ListAuditRequest, e audit.Entry) bool {
	for _, filter := range []struct{ want, got string }{
		{in.GetCluster(), e.Cluster}, {in.GetPerson(), e.Person}, {in.GetKind(), string(e.Kind)},
		{in.GetOutcome(), e.Outcome}, {in.GetDigest(), e.Digest},
	} {
		if filter.want != "" && filter.want != filter.got {
			return false
		}
	}
	if in.GetObject() != "" && !e.Names(in.GetObject()) {
		return false
	}
	since, until := in.GetSince(), in.GetUntil()
	return (since == 0 || !e.Time.Before(time.UnixMicro(since))) && (until == 0 || e.Time.Before(time.UnixMicro(until)))
}
