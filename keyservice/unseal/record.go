package unseal

import (
	"context"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/journal"
)

// written is what the log has of one attempt.
type written struct {
	receipt *journal.Receipt
	// leaves are the places of the results' entries in the receipt; -1 for a refusal
	// that was counted together with earlier ones.
	leaves []int
}

// entriesOf is what is recorded of one result: one entry, and more of them only
// where the digest stands for more objects than one takes.
func entriesOf(q *question, g *grounds, o *opened) []audit.Entry {
	return nameBuilt(entryOf(q, g, o, o.refusal.Name()), o.stands)
}

// entryOf is what is recorded of one result, but for what the digest stands for.
func entryOf(q *question, g *grounds, o *opened, outcome string) audit.Entry {
	e := q.who.Entry(audit.Unseal, outcome)
	e.Request, e.Head, e.Revision, e.Digest, e.Operations = q.id, g.head.Hash, q.revision, o.digest, o.operations
	for _, lock := range o.locks {
		e.Targets, e.Keys = append(e.Targets, lock.Target), append(e.Keys, lock.Key)
	}
	return e
}

// record makes the results of one attempt durable. Until it returns nil nothing
// may leave. owes are operations of attempts before, which the first entry takes
// over; unrecorded is how many stand in no entry, and in no count, afterwards.
func (s *Unsealing) record(ctx context.Context, q *question, g *grounds, results []opened, owes int) (
	w written, unrecorded int, err error,
) {
	entries, refused := make([]audit.Entry, 0, len(results)), []audit.Entry{}
	var whose []int // of refused, the result
	w.leaves = make([]int, len(results))
	for i := range results {
		w.leaves[i] = -1
		of := entriesOf(q, g, &results[i])
		of[0].Operations += owes
		owes = 0
		if results[i].refusal == granted {
			w.leaves[i] = len(entries)
			entries = append(entries, of...)
			continue
		}
		// Counted refusals have one entry, and so has the first of them.
		refused, whose = append(refused, of[0]), append(whose, i)
	}
	picked, at := s.Tally.Admit(refused)
	for n, e := range picked {
		if at[n] >= 0 {
			w.leaves[whose[at[n]]] = len(entries)
		}
		entries = append(entries, e)
	}
	if w.receipt, err = s.recordAll(ctx, g, entries, len(picked) < len(entries)); err != nil {
		return written{}, operationsIn(entries), err
	}
	s.Tally.Recorded(picked)
	if w.receipt == nil { // nothing new in the signed log
		for i := range w.leaves {
			w.leaves[i] = -1
		}
		w.receipt, err = s.Journal.Latest(ctx, q.logSize)
	}
	return w, 0, err
}

func operationsIn(entries []audit.Entry) (n int) {
	for _, e := range entries {
		n += e.Operations
	}
	return n
}

// recordAll demands a signed record of what releases a secret. What only refuses
// may wait for its signature: a token that is gone does not keep the service from
// saying no.
func (s *Unsealing) recordAll(ctx context.Context, g *grounds, entries []audit.Entry, releases bool) (
	*journal.Receipt, error,
) {
	switch {
	case len(entries) == 0:
		return nil, s.Heads.StillAt(ctx, g.head)
	case releases:
		return s.appendDecided(ctx, g, entries)
	}
	return s.AppendAt(ctx, g.head, s.Journal.Leave, entries)
}

// appendDecided records grants, if neither the head moved nor anything was denied
// since they were decided: a denial holds for every grant that is not on disk.
func (s *Unsealing) appendDecided(ctx context.Context, g *grounds, entries []audit.Entry) (*journal.Receipt, error) {
	still := s.Store.Decided(s.Fleet, s.Ref, g.head.Hash, g.denied.Number)
	return clerk.AppendIf(ctx, g.head, s.Journal.Append, entries, still)
}
