package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/view"
)

// pruning takes away what the inventory holds and Git does not. It runs after a
// complete apply and before the wait for health, and only from a snapshot that
// may delete: what is held stays in the inventory.
type pruning struct {
	aim    *aim.Aim
	stand  *stand
	hands  *apply.Hands
	record *record.Record
	ledger ledger
	again  *loop.Again
	now    func() time.Time
	// leavings are remembered from pass to pass.
	leavings *leavings
	// failing: not everything of Git could be applied.
	failing bool
	// held: the build is not applied yet, and waits for its time.
	held bool
	// later are the objects that Git dropped and that stay for one of these two.
	later []ObjectID
	// pruned is what this pass confirmed absent, for the event.
	pruned []string
}

// run prunes. guarded holds a large removal until somebody consents.
func (p *pruning) run(ctx context.Context, guarded bool) error {
	leaving, err := p.leaving(ctx)
	if err != nil {
		return err
	}
	p.leavings.set(leaving, p.now())
	if len(leaving) == 0 {
		return nil
	}
	if p.aim.Snapshot.ClusterSuspended {
		p.record.Note("%s: the cluster is suspended", droppedStay(len(leaving)))
		return nil
	}
	leaving, held := p.release(ctx, leaving)
	if len(leaving) == 0 {
		return held
	}
	if guarded {
		if err := p.guard(ctx, leaving); err != nil {
			return err
		}
	}
	if err := p.removeStages(ctx, leaving); err != nil {
		return err
	}
	return held
}

// leaving are the objects of the inventory that may be deleted now: the
// revision's map does not hold them, and no failing placement could.
func (p *pruning) leaving(ctx context.Context) ([]ObjectID, error) {
	var leaving []ObjectID
	why := map[string]int{}
	for _, id := range slices.SortedFunc(maps.Keys(p.stand.inv), compareIDs) {
		if _, stays := p.aim.Desired[id]; stays {
			continue
		}
		if owner, ok := p.aim.Snapshot.Resolution.Owner(id); ok {
			if err := p.handOver(ctx, id, owner); err != nil {
				return nil, err
			}
			continue
		}
		if ok, reason := p.aim.Snapshot.Resolution.MayDelete(id); !ok {
			why[reason]++
			continue
		}
		// What replaces it may be among what failed. A secret goes all the same: an
		// object that somebody keeps failing must not keep a revoked value.
		if p.failing && p.stand.inv[id].Content == "" {
			why["not everything of Git could be applied"]++
			p.later = append(p.later, id)
			continue
		}
		// What takes its place may be in there, under another name or of another kind. A
		// sealed object is revoked, and waits for no time.
		if p.held && !holdsValue(id, p.stand.inv[id]) {
			why["they go with the build that waits"]++
			p.later = append(p.later, id)
			continue
		}
		leaving = append(leaving, id)
	}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		p.record.Note("%s: %s", droppedStay(why[reason]), reason)
	}
	return leaving, nil
}

// handOver keeps an object that moved to another placement until that one has
// taken it: if it never does, and Git drops it there, somebody must still know.
func (p *pruning) handOver(ctx context.Context, id ObjectID, to string) error {
	fate, err := p.hands.Deletes.Look(ctx, id, p.stand.inv[id])
	if err != nil {
		return pruneFailed(err)
	}
	if err := p.vouch(ctx, id, fate); err != nil {
		return pruneFailed(err)
	}
	if fate.Gone {
		p.leavings.moves(to)
		p.stand.drop(id)
		return nil
	}
	p.record.Note("%s moves to placement %q", inventory.Describe(id), to)
	p.again.Within(handOverRetry)
	return nil
}

// guard holds a removal that takes more than the fleet's share of what stood
// when the Delivery last settled, until somebody consents to this revision.
func (p *pruning) guard(ctx context.Context, leaving []ObjectID) error {
	d := p.record.Obj
	stood := d.Status.Objects
	if stood == 0 {
		stood = len(p.stand.inv)
	}
	share := p.aim.Snapshot.Fleet.Spec.MaxShare()
	// What goes later counts now: a removal in two parts is one. What the placement leaves
	// behind goes never, and must not keep a revoked value.
	all := slices.Concat(leaving, slices.DeleteFunc(slices.Clone(p.later), p.leavesBehind))
	few := func(n int) bool { return p.aim.Snapshot.Fleet.Spec.FewObjects(n, stood) }
	if few(len(all)) {
		return nil
	}
	var astray []string
	revision := d.Spec.Revision
	if ask := p.aim.Snapshot.Consented; ask != nil {
		var guarded int
		if guarded, astray = ask(ctx, d, p.stand.leaving(all)); few(guarded) {
			return nil
		}
		// What moved, and was dropped where it moved to, left later than this Delivery was told.
		would := d.DeepCopy()
		metav1.SetMetaDataAnnotation(&would.ObjectMeta, v1alpha1.ConsentAnnotation, revision)
		if guarded, _ = ask(ctx, would, p.stand.leaving(all)); !few(guarded) {
			revision = p.aim.Snapshot.Revision
		}
	}
	return loop.Stalled(v1alpha1.PruneBlockedReason,
		"%d of %s leave, more than the fleet's share of %d%%: they stay until the annotation %s=%s consents, "+
			"or spec.prune.consent of fleet.yaml%s", len(all), plural.Of(stood, "object"), share, v1alpha1.ConsentAnnotation,
		revision, view.Astray(astray))
}

// droppedStay is what a cluster keeps that Git has no more.
func droppedStay(n int) string {
	return plural.Of(n, "object") + " that Git dropped " + plural.Verb(n, "stays", "stay")
}

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
		remaining, since, err := p.removeStage(ctx, ids)
		if err != nil {
			return err
		}
		if remaining == "" {
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
// going, and since when the first of them is.
func (p *pruning) removeStage(ctx context.Context, ids []ObjectID) (remaining string, since time.Time, err error) {
	var errs []error
	for _, id := range ids {
		occupant, err := p.hands.Live.Occupied(ctx, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if occupant != "" {
			errs = append(errs, fmt.Errorf("%s stays: it still holds %s", inventory.Describe(id), occupant))
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
			remaining = inventory.Describe(id) + fate.HeldBy()
			if started := fate.Deleting; !started.IsZero() && (since.IsZero() || started.Before(since)) {
				since = started
			}
		}
	}
	if len(errs) > 0 {
		return "", since, pruneFailed(errors.Join(errs...))
	}
	if since.IsZero() {
		since = p.now()
	}
	return remaining, since, nil
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

func (p *pruning) timeout() time.Duration { return p.record.Obj.Status.Policy.Timeout.Duration }

func pruneFailed(err error) error { return loop.Failed(loop.Retry, meta.PruneFailedReason, err) }

func compareIDs(a, b ObjectID) int { return strings.Compare(a.String(), b.String()) }
