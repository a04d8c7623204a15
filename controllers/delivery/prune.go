package delivery

import (
	"context"
	"errors"
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
	// failed is what kept single objects from going, or from being handed over.
	failed []error
}

// run prunes. guarded holds a large removal until somebody consents.
func (p *pruning) run(ctx context.Context, guarded bool) error {
	err := p.takeAway(ctx, guarded)
	if len(p.failed) == 0 {
		return err
	}
	return loop.Together(pruneFailed(errors.Join(p.failed...)), err)
}

func (p *pruning) takeAway(ctx context.Context, guarded bool) error {
	leaving := p.leaving(ctx)
	p.leavings.set(leaving, p.now())
	if len(leaving) == 0 {
		return nil
	}
	if p.aim.Snapshot.ClusterSuspended {
		p.record.Note("%s: the cluster is suspended", droppedStay(len(leaving)))
		return nil
	}
	if leaving = p.release(ctx, leaving); len(leaving) == 0 {
		return nil
	}
	if guarded {
		if err := p.guard(ctx, leaving); err != nil {
			return err
		}
	}
	return p.removeStages(ctx, leaving)
}

// leaving are the objects of the inventory that may be deleted now: the
// revision's map does not hold them, and no failing placement could.
func (p *pruning) leaving(ctx context.Context) []ObjectID {
	var leaving []ObjectID
	why := map[string]int{}
	for _, id := range slices.SortedFunc(maps.Keys(p.stand.inv), compareIDs) {
		if _, stays := p.aim.Desired[id]; stays {
			continue
		}
		if owner, ok := p.aim.Snapshot.Resolution.Owner(id); ok {
			if err := p.handOver(ctx, id, owner); err != nil {
				p.failed = append(p.failed, err)
			}
			continue
		}
		if ok, reason := p.aim.Snapshot.Resolution.MayDelete(id); !ok {
			why[reason]++
			continue
		}
		if reason := p.waits(id); reason != "" {
			why[reason]++
			p.later = append(p.later, id)
			continue
		}
		leaving = append(leaving, id)
	}
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		p.record.Note("%s: %s", droppedStay(why[reason]), reason)
	}
	return leaving
}

// waits says why an object that Git dropped goes later, "" for now. What takes its place,
// under another name or of another kind, may be among what failed, or in the build that
// waits. What holds a value is revoked, and waits for neither: an object that somebody keeps
// failing must not keep it.
func (p *pruning) waits(id ObjectID) string {
	switch {
	case holdsValue(id, p.stand.inv[id]):
		return ""
	case p.failing:
		return "not everything of Git could be applied"
	case p.held:
		return "they go with the build that waits"
	}
	return ""
}

// handOver keeps an object that moved to another placement until that one has
// taken it: if it never does, and Git drops it there, somebody must still know.
func (p *pruning) handOver(ctx context.Context, id ObjectID, to string) error {
	fate, err := p.hands.Deletes.Look(ctx, id, p.stand.inv[id])
	if err != nil {
		return err
	}
	if err := p.vouch(ctx, id, fate); err != nil {
		return err
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

func (p *pruning) timeout() time.Duration { return p.record.Obj.Status.Policy.Timeout.Duration }

func pruneFailed(err error) error { return loop.Failed(loop.Retry, meta.PruneFailedReason, err) }

func compareIDs(a, b ObjectID) int { return strings.Compare(a.String(), b.String()) }
