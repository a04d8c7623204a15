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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// freeRemovals may leave a placement in one revision whatever share of it they
// are: half of a four-object application is not an accident worth a question.
const freeRemovals = 2

// prune takes away what the inventory holds and Git does not. It runs after a
// complete apply and before the wait for health, and only from a snapshot that
// may delete: what is held stays in the inventory.
func (p *deliveryPass) prune(ctx context.Context, guard func(leaving []ObjectID) error) error {
	leaving, err := p.leaving(ctx)
	if err != nil {
		return err
	}
	p.mem.leaves(leaving, p.now())
	if len(leaving) == 0 {
		return nil
	}
	if p.snapshot.ClusterSuspended {
		p.note("%d objects that Git dropped stay: the cluster is suspended", len(leaving))
		return nil
	}
	if !p.obj.Status.Policy.Prune {
		for _, id := range leaving {
			p.drop(id)
		}
		p.event("Released", fmt.Sprintf("%d objects that Git dropped stay: the placement does not prune", len(leaving)))
		return nil
	}
	if err := guard(leaving); err != nil {
		return err
	}
	return p.removeStages(ctx, leaving)
}

// leaving are the objects of the inventory that may be deleted now: the
// revision's map does not hold them, and no failing placement could.
func (p *deliveryPass) leaving(ctx context.Context) ([]ObjectID, error) {
	var leaving []ObjectID
	why := map[string]int{}
	for _, id := range slices.SortedFunc(maps.Keys(p.inv), compareIDs) {
		if _, stays := p.desired[id]; stays {
			continue
		}
		if owner, ok := p.snapshot.Resolution.Owner(id); ok {
			if err := p.handOver(ctx, id, owner); err != nil {
				return nil, err
			}
			continue
		}
		if ok, reason := p.snapshot.Resolution.MayDelete(id); !ok {
			why[reason]++
			continue
		}
		// What replaces it may be among what failed. A secret goes all the same: an
		// object that somebody keeps failing must not keep a revoked value.
		if p.failures.any() && p.inv[id].Content == "" {
			why["not everything of Git could be applied"]++
			continue
		}
		leaving = append(leaving, id)
	}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		p.note("%d objects that Git dropped stay: %s", why[reason], reason)
	}
	return leaving, nil
}

// handOver keeps an object that moved to another placement until that one has
// taken it: if it never does, and Git drops it there, somebody must still know.
func (p *deliveryPass) handOver(ctx context.Context, id ObjectID, to string) error {
	fate, err := p.hands.Look(ctx, id, p.inv[id])
	if err != nil {
		return pruneFailed(err)
	}
	if fate.Gone {
		p.mem.moves(to)
		p.drop(id)
		return nil
	}
	p.note("%s moves to placement %q", inventory.Describe(id), to)
	p.later(handOverRetry)
	return nil
}

// guard holds a removal that takes more than the fleet's share of what stood
// when the Delivery last settled, until somebody consents to this revision.
func (p *deliveryPass) guard(leaving []ObjectID) error {
	stood := p.obj.Status.Objects
	if stood == 0 {
		stood = len(p.inv)
	}
	share := p.snapshot.Fleet.Spec.MaxShare()
	if len(leaving) <= freeRemovals || len(leaving)*100 <= share*stood {
		return nil
	}
	if p.obj.Annotations[v1alpha1.ConsentAnnotation] == p.obj.Spec.Revision {
		return nil
	}
	return held(v1alpha1.PruneBlockedReason,
		"%d of %d objects leave, more than the fleet's share of %d%%: they stay until the annotation %s=%s consents",
		len(leaving), stood, share, v1alpha1.ConsentAnnotation, p.obj.Spec.Revision)
}

// removeStages deletes stage by stage. A stage begins when the one before it is
// confirmed absent. What somebody still names stays, and with it the namespace and
// the kind that it is in.
func (p *deliveryPass) removeStages(ctx context.Context, leaving []ObjectID) error {
	defer p.sayPruned()
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
			p.note("%s is still terminating; its secrets go as soon as nobody names them", remaining)
			continue
		}
		p.later(removalPoll)
		return progressing("waits for %s to go", remaining)
	}
	if len(held) == 0 && p.stillLeaving(leaving) {
		p.later(removalPoll)
		return progressing("waits for objects to go")
	}
	return p.stay(held)
}

// removeStage deletes the objects of one stage. It names one that is still
// going, and since when the first of them is.
func (p *deliveryPass) removeStage(ctx context.Context, ids []ObjectID) (remaining string, since time.Time, err error) {
	var errs []error
	for _, id := range ids {
		occupant, err := p.hands.Occupied(ctx, p.finder, id)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if occupant != "" {
			errs = append(errs, fmt.Errorf("%s stays: it still holds %s", inventory.Describe(id), occupant))
			continue
		}
		fate, err := p.hands.Remove(ctx, id, p.inv[id])
		switch {
		case err != nil:
			errs = append(errs, err)
		case fate.Gone:
			if fate.Kept != "" {
				p.event("Released", fmt.Sprintf("%s stays: %s", inventory.Describe(id), fate.Kept))
			} else {
				p.reportAbsent(id)
				p.pruned = append(p.pruned, inventory.Describe(id))
			}
			p.drop(id)
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

// remove takes a Delivery away whose placement left: everything pruned and
// confirmed absent, reported, and only then the Delivery itself.
func (p *deliveryPass) remove(ctx context.Context) error {
	if p.placed != nil || p.snapshot.ClusterSuspended {
		return errQuiet
	}
	policy := p.obj.Status.Policy
	if policy == nil {
		var err error
		if policy, err = p.options.lastPolicy(p.obj.Spec); err != nil {
			return err
		}
	}
	if err := p.begin(ctx, policy); err != nil {
		return err
	}
	noGuard := func([]ObjectID) error { return nil } // the removal was reviewed: that is the consent
	err := p.prune(ctx, noGuard)
	switch {
	case err == nil && len(p.inv) == 0:
		err = p.leave(ctx)
	case err == nil:
		p.later(handOverRetry)
		err = progressing("%s", strings.Join(p.notes, "; "))
	}
	var going *deliveryError
	if errors.As(err, &going) && going.progress {
		going.reason = v1alpha1.DeprovisioningReason
	}
	return err
}

// leave forgets the answers and deletes the Delivery. The delete carries the
// version that says Removed: a placement that came back meanwhile keeps it.
func (p *deliveryPass) leave(ctx context.Context) error {
	if err := p.options.Unsealer.Forget(ctx, p.obj.Name, nil); err != nil {
		p.later(forgetRetry)
		return progressing("answers of values that are gone could not be dropped yet")
	}
	p.obj.Status.Inventory, p.obj.Status.InventoryParts, p.parts = nil, nil, nil
	p.obj.Status.Objects, p.obj.Status.Secrets = 0, 0
	p.progress("everything is gone")
	if err := p.save(ctx); err != nil {
		return err
	}
	uid, version := p.saved.UID, p.saved.ResourceVersion
	p.event("Deprovisioned", p.mem.farewell(p.obj.Spec.Revision))
	if err := p.client.Delete(ctx, p.obj, client.Preconditions{UID: &uid,
		ResourceVersion: &version}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete delivery: %w", err)
	}
	return errQuiet
}

// drop takes an object out of the inventory.
func (p *deliveryPass) drop(id ObjectID) {
	delete(p.inv, id)
	delete(p.mem.changed, id)
	p.mem.fights.Forget(id)
	p.mem.gone(id)
}

func (p *deliveryPass) stillLeaving(ids []ObjectID) bool {
	return slices.ContainsFunc(ids, func(id ObjectID) bool { _, ok := p.inv[id]; return ok })
}

func (p *deliveryPass) timeout() time.Duration { return p.obj.Status.Policy.Timeout.Duration }

func pruneFailed(err error) error {
	return &deliveryError{reason: meta.PruneFailedReason, message: err.Error(), retry: true, err: err}
}

func compareIDs(a, b ObjectID) int { return strings.Compare(a.String(), b.String()) }
