package journal

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

// write appends a batch and settles its groups.
func (j *Journal) write(batch []*group) {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	start := time.Now()
	changes := make([][]store.Change, len(batch))
	for i, g := range batch {
		changes[i] = g.changes
	}
	var built *draft
	err := j.rows.AppendLog(ctx, j.fleet, changes, func(now *store.Appending) (store.Appended, error) {
		var err error
		built, err = j.draft(now, batch)
		return built.appended(), err
	})
	if err != nil && built != nil && len(built.leaves) > 0 && j.persisted(built.tip) {
		j.log.Warn("an append to the audit log was on disk though it failed", "size", built.tip.Size, "error", err.Error())
		err = nil
	}
	if err != nil {
		j.observer.Appended(time.Since(start), 0, true)
		j.log.Error("append to the audit log failed", "error", err.Error())
		for _, g := range batch {
			g.err = err
		}
		return
	}
	j.observer.Appended(time.Since(start), len(built.leaves), false)
	j.publish(built.tip)
	for i, g := range batch {
		g.receipt, g.err = built.receipts[i], built.refused[i]
	}
}

// persisted says whether a failed append is on disk all the same: its commit was
// executed, and the answer was lost. Others may have appended since.
func (j *Journal) persisted(t *tip) bool {
	ctx, cancel := context.WithTimeout(context.Background(), appendTimeout)
	defer cancel()
	now, err := j.rows.LogState(ctx, j.fleet)
	if err != nil || now.Size < t.Size {
		return false
	}
	root, err := treeRoot(t.Size, j.stored(ctx))
	return err == nil && root == t.Root
}
