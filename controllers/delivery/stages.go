package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// removeStages deletes stage by stage. A stage begins when the one before it is
// confirmed absent. What somebody still names stays, and with it the namespace and
// the kind that it is in.
func (p *pruning) removeStages(ctx context.Context, leaving []ObjectID) error {
	if err := p.intend(ctx); err != nil {
		return err
	}
	defer func() { p.record.EventOf("Pruned", p.pruned) }()
	stages, held := apply.Removals(leaving), inUse{}
	for stage, ids := range stages {
		if stage > apply.RemoveAccess && len(held) > 0 {
			break
		}
		ids, err := p.unused(ctx, ids, held)
		if err != nil {
			return err
		}
		remaining, since, whole := p.removeStage(ctx, ids)
		switch {
		case !whole && stage == apply.RemoveWorkloads:
			return p.overdueValues(ctx, stages[apply.RemovePassive])
		case !whole:
			return nil
		case remaining == "":
			continue
		}
		if stage == apply.RemoveWorkloads && p.now().Sub(since) > p.timeout() && len(stages[apply.RemovePassive]) > 0 {
			p.record.Note("%s is still terminating; its secrets go as soon as nobody names them", remaining)
			continue
		}
		p.again.Within(removalPoll)
		return loop.Progressing("waits for %s to go", remaining)
	}
	if len(held) == 0 && p.stillLeaving(leaving) {
		p.again.Within(removalPoll)
		return loop.Progressing("waits for objects to go")
	}
	return p.stay(held)
}

// overdueValues takes away what holds a value and waited its time for a workload that cannot be
// removed: somebody's webhook keeps it, or nobody can tell whether it stands. What runs still
// counts as a user.
func (p *pruning) overdueValues(ctx context.Context, ids []ObjectID) error {
	values, err := p.unused(ctx, slices.DeleteFunc(slices.Clone(ids), func(id ObjectID) bool {
		return !holdsValue(id, p.stand.inv[id]) || !p.overdue(id)
	}), inUse{})
	if err != nil {
		return err
	}
	p.removeStage(ctx, values)
	return nil
}

// intend saves what is to end before the first of it is deleted. What comes back while it
// still goes would else stand as Git has it, for a process that did not delete it.
func (p *pruning) intend(ctx context.Context) error {
	if !p.stand.ending {
		return nil
	}
	if err := p.record.Keep(p.stand.inv); err != nil {
		return err
	}
	loop.Working(p.record.Obj, meta.ProgressingReason, "pruning as of "+p.record.Obj.Spec.Revision)
	if err := p.record.Save(ctx); err != nil {
		return err
	}
	p.stand.ending = false
	return nil
}

// removeStage deletes the objects of one stage. It names one that is still
// going, and since when the first of them is; whole says that none failed.
func (p *pruning) removeStage(ctx context.Context, ids []ObjectID) (remaining string, since time.Time, whole bool) {
	var errs []error
	for _, id := range ids {
		if err := p.hands.Deletes.Empty(ctx, id, p.stand.inv[id]); err != nil {
			errs = append(errs, err)
			continue
		}
		fate, err := p.hands.Deletes.Remove(ctx, id, p.stand.inv[id])
		if err == nil && fate.Gone {
			err = p.vouch(ctx, id, fate)
		}
		switch {
		case err != nil:
			errs = append(errs, err)
		case fate.Gone:
			p.went(id, fate)
		default:
			p.goes(id)
			remaining = inventory.Describe(id) + fate.HeldBy()
			if started := fate.Deleting; !started.IsZero() && (since.IsZero() || started.Before(since)) {
				since = started
			}
		}
	}
	p.failed = append(p.failed, errs...)
	if since.IsZero() {
		since = p.now()
	}
	return remaining, since, len(errs) == 0
}

// goes forgets the run of an object that is deleted because Git dropped it. Should Git have it
// again before it is gone, its absence is not the end of a run.
func (p *pruning) goes(id ObjectID) {
	entry := p.stand.inv[id]
	entry.Run = nil
	p.stand.inv[id] = entry
}

// went takes an object out of the inventory that is confirmed absent, or not ours.
func (p *pruning) went(id ObjectID, fate apply.Fate) {
	if fate.Kept != "" {
		p.record.Event("Released", fmt.Sprintf("%s stays: %s", inventory.Describe(id), fate.Kept))
	} else {
		p.ledger.lost(id, p.stand.inv[id])
		p.pruned = append(p.pruned, inventory.Describe(id))
	}
	p.stand.drop(id)
}

func (p *pruning) stillLeaving(ids []ObjectID) bool {
	return slices.ContainsFunc(ids, func(id ObjectID) bool { _, ok := p.stand.inv[id]; return ok })
}
