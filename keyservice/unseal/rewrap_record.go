package unseal

import (
	"context"

	"github.com/bulla-dev/bulla/keyservice/audit"
)

// recordRewrap writes one entry a lock that moved, and one a digest that was
// refused. Until it returns nil nothing may leave.
func (s *Rewrapping) recordRewrap(ctx context.Context, q *rewrap, results []rewrapped) error {
	var entries []audit.Entry
	for i := range results {
		entries = append(entries, rewrapEntries(q, &results[i])...)
	}
	if len(entries) == 0 {
		return nil // every lock was under the key already: nothing left the token
	}
	_, err := s.AppendAt(ctx, q.head, s.Journal.Append, entries)
	return err
}

func rewrapEntries(q *rewrap, r *rewrapped) []audit.Entry {
	of := func(outcome string) []audit.Entry {
		e := q.who.Entry(audit.Rewrap, outcome, "")
		e.Request, e.Head, e.Revision, e.Digest = q.id, q.head.Hash, q.revision, r.digest
		return nameBuilt(e, r.stands)
	}
	if r.refusal != granted {
		refused := of(r.refusal.Name())
		refused[0].Operations = r.operations
		return refused
	}
	var entries []audit.Entry
	for _, block := range r.blocks {
		for _, lock := range block.locks {
			if lock.prepared == nil {
				continue
			}
			moved := of(audit.Done)
			e := &moved[0]
			e.Targets, e.Keys, e.Operations = []string{lock.new.Target}, []string{lock.old.Key, lock.new.Key}, 1
			entries = append(entries, moved...)
		}
	}
	return entries
}

func operationsOf(results []rewrapped) (n int) {
	for i := range results {
		n += results[i].operations
	}
	return n
}
