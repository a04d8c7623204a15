package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/kustomize"
)

// pass is one look at one Delivery, and what is done about it. Its stages hand on
// what they found: the aim what Git wants, the comparison what differs, the values
// of that, the application and the pruning what stands then, the health how it is.
type pass struct {
	*Reconciler
	record   *record.Record
	mem      *memory
	aim      *aim.Aim
	stand    *stand
	failures *failures
	lookout  *lookout
	again    loop.Again
	began    time.Time

	// hands, comparison and health are made by [pass.ready].
	hands      *apply.Hands
	comparison *comparison
	health     *health
	// inUse is why something that Git dropped stays, nil for nothing.
	inUse error
}

// begin opens a pass on a Delivery as the API server has it.
func (r *Reconciler) begin(obj *v1alpha1.Delivery) *pass {
	mem, snapshot := r.memories.of(obj), r.options.Snapshots.Load()
	if snapshot != nil && snapshot.Resolution != nil {
		mem.leavings.back(snapshot.Resolution.Owner)
	}
	return &pass{
		Reconciler: r, record: r.desk.Open(obj), mem: mem,
		aim:   &aim.Aim{Name: obj.Name, Snapshot: snapshot, Placed: snapshot.Placed(obj.Name)},
		stand: &stand{sight: mem.sight, vigil: &mem.vigil, fights: &mem.fights},
		began: r.now(), failures: newFailures(), lookout: &lookout{watcher: r.watcher, memories: r.memories},
	}
}

// run decides what kind of pass this is, and takes its steps.
func (p *pass) run(ctx context.Context) error {
	d, placed := p.record.Obj, p.aim.Placed
	switch {
	case p.aim.Snapshot == nil:
		return errQuiet
	case d.Spec.Suspend:
		return loop.Stalled(v1alpha1.SuspendedReason,
			"suspended on this cluster%s: nothing is applied, healed or pruned; hint: %s",
			report.BySince(report.Suspension(d)), report.ResumeHint(d.Name))
	case d.Spec.Removed:
		removal := &removal{p}
		return loop.Run(ctx, removal.ready, removal.prune, removal.leave)
	case placed == nil:
		return errQuiet
	case placed.Placement.Spec.Suspend:
		return loop.Stalled(v1alpha1.SuspendedReason,
			"Git suspends the placement as of %s: nothing is applied, healed or pruned", p.aim.Snapshot.Revision)
	case placed.Err != nil:
		return p.broken(ctx)
	case placed.Build == nil || placed.Build.Digest != d.Spec.BuildDigest:
		return errQuiet // FleetSync is about to write the digest
	}
	return loop.Run(ctx, p.readyToStand, p.mayChange, p.depend, p.converge, p.prune, p.settle, p.conclude)
}

// readyToStand readies what a working pass needs. What Git has of the placement
// may be what keeps it from beginning.
func (p *pass) readyToStand(ctx context.Context) error {
	d := p.record.Obj
	last := d.Status.LastAttemptedRevision
	policy, err := p.options.policyOf(p.aim.Placed.Placement)
	if err != nil {
		return err
	}
	hold, err := p.ready(ctx, policy)
	if err != nil {
		return err
	}
	d.Status.LastAttemptedRevision = d.Spec.Revision
	if hold != nil {
		return p.waits(ctx, hold)
	}
	p.stand.begins(p.aim, last, p.look(ctx)) // with the revision, in one write
	return nil
}

func (p *pass) look(ctx context.Context) func(ObjectID, v1alpha1.InventoryEntry) (apply.Seen, bool, error) {
	return func(id ObjectID, entry v1alpha1.InventoryEntry) (apply.Seen, bool, error) {
		return p.hands.Inspector.Look(ctx, id, entry)
	}
}

// depend holds the pass while what the placement depends on does not stand.
func (p *pass) depend(ctx context.Context) error {
	if hold := p.dependencies(ctx); hold != nil {
		return p.revokes(ctx, hold)
	}
	return nil
}

// broken is a placement that does not build: what stood is all there is.
func (p *pass) broken(ctx context.Context) error {
	hold := loop.Failed(loop.Stall, meta.BuildFailedReason, p.aim.Placed.Err)
	if errors.Is(p.aim.Placed.Err, kustomize.ErrBuilding) {
		hold = loop.Progressing("%v", p.aim.Placed.Err) // FleetSync comes back with the build
	}
	policy, err := p.options.policyOf(p.aim.Placed.Placement)
	if err == nil {
		_, err = p.ready(ctx, policy)
	}
	if err != nil {
		return hold
	}
	return p.waits(ctx, hold)
}

// ready makes the objects to stand, the clients, the inventory, the watches. hold
// is why the build is not begun, nil when it is.
func (p *pass) ready(ctx context.Context, policy *v1alpha1.DeliveryPolicy) (hold, err error) {
	d := p.record.Obj
	d.Status.Policy = policy
	key, err := p.options.MACKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's comparison key: %w", err)
	}
	writer, err := p.writers.As(policy.ServiceAccount)
	if err != nil {
		return nil, err
	}
	p.hands = apply.NewHands(apply.Claims{
		Owner: apply.Owner{Fleet: p.aim.Fleet(), Placement: p.aim.Name}, Key: key, Delivery: string(d.UID),
		Readopt: d.Spec.Revision != "" && d.Annotations[v1alpha1.TakeOverAnnotation] == d.Spec.Revision,
	}, p.reader, writer, p.finder)
	p.comparison = &comparison{stand: p.stand, hands: p.hands, watcher: p.watcher, failures: p.failures,
		again: &p.again, now: p.now}
	p.health = &health{aim: p.aim, stand: p.stand, hands: p.hands, failures: p.failures,
		again: &p.again, now: p.now, timeout: policy.Timeout.Duration}
	hold = p.aim.Prepare(d, &p.mem.builds, p.options.Namespace)
	if err := p.recall(ctx); err != nil {
		return nil, err
	}
	p.comparison.dirty, p.comparison.first = p.mem.sight.Marked(p.stand.inv), !p.mem.compared.begun
	p.lookout.watch(ctx, p.stand, p.aim)
	return hold, nil
}

// recall reads the inventory. An empty one on a Delivery that never settled
// may be a Delivery that somebody deleted: its objects carry the proof of it.
func (p *pass) recall(ctx context.Context) error {
	known, err := p.record.Inventory(ctx)
	// Parts that somebody took away are as a Delivery that somebody deleted.
	lost := p.record.Missing(err)
	if err != nil && !lost {
		return err
	}
	if known == nil {
		known = inventory.Inventory{}
	}
	p.stand.inv, p.stand.saved = known, len(known)
	d := p.record.Obj
	if !lost && (len(known) > 0 || d.Status.AppliedBuildDigest != "") {
		p.adopter.Works(d)
	} else {
		adopted, err := p.adopter.Adopt(ctx, d, p.hands)
		if err != nil {
			return fmt.Errorf("look for objects to adopt again: %w", err)
		}
		maps.DeleteFunc(adopted, func(id ObjectID, _ v1alpha1.InventoryEntry) bool { return !p.aim.Reaches(id) })
		if len(adopted) > 0 {
			p.record.Event("Adopted", fmt.Sprintf("%s %s proved to be this placement's", plural.Of(len(adopted), "object"),
				plural.Verb(len(adopted), "is", "are")))
			p.stand.inv, d.Status.Objects = adopted, len(adopted)
		}
	}
	p.mem.sight.Learn(p.stand.inv)
	return nil
}

// full says whether every object is to be compared, or only the dirty ones. The build
// that was applied last may be the one to stand again while the inventory is short of it:
// what the build after it moved or revoked went, though that one was held.
func (p *pass) full() bool {
	d, compared := p.record.Obj, p.mem.compared
	return !compared.whole || compared.digest != d.Spec.BuildDigest ||
		d.Status.AppliedBuildDigest != d.Spec.BuildDigest ||
		p.record.Requested() != d.Status.LastHandledReconcileAt || p.aim.Gives(p.stand.inv) ||
		!p.now().Before(compared.backstop)
}

func (p *pass) ledger() ledger {
	return ledger{reporter: p.options.Reporter, presence: report.Presence{Watcher: p.watcher, Reader: p.reader},
		aim: p.aim, record: p.record, stand: p.stand, others: &p.mem.others}
}

func (p *pass) application() *application {
	return &application{aim: p.aim, stand: p.stand, hands: p.hands, failures: p.failures,
		record: p.record, ledger: p.ledger(), now: p.now}
}

func (p *pass) pruning() *pruning {
	return &pruning{aim: p.aim, stand: p.stand, hands: p.hands, record: p.record, ledger: p.ledger(),
		again: &p.again, now: p.now, leavings: &p.mem.leavings, failing: p.failures.any()}
}
