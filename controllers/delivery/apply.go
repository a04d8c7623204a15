package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/unseal"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// Waiting for a namespace or a CRD that was just applied is the one wait inside
// a pass: it takes milliseconds, and nothing can go on without it.
const (
	establishTimeout = 10 * time.Second
	establishPoll    = 50 * time.Millisecond
)

// converge plans, unseals what changed, writes the intended inventory and
// applies in stages.
func (p *deliveryPass) converge(ctx context.Context, full bool) error {
	changes, values, sealed := p.unseal(ctx, p.plan(ctx, p.objects, full))
	if sealed != nil && p.obj.Status.AppliedBuildDigest != p.obj.Spec.BuildDigest {
		return sealed // a new stub: the application is held whole
	}
	if err := p.intend(ctx, changes); err != nil {
		return err
	}
	p.apply(ctx, changes, values)
	if sealed != nil {
		return errors.Join(p.failed(), sealed)
	}
	if full && !p.failures.any() {
		p.mem.digest = p.obj.Spec.BuildDigest
	}
	p.mem.planned = !p.failures.any() && (full || p.mem.digest == p.obj.Spec.BuildDigest)
	return nil
}

// unseal asks for the values of the sealed objects among changes, and for no
// others. When they cannot be had, the changes without sealed objects remain.
func (p *deliveryPass) unseal(ctx context.Context, changes []change) ([]change, map[ObjectID]map[string]string, error) {
	var objects []unseal.Sealed
	for _, c := range changes {
		if c.object.Sealed() {
			objects = append(objects, unseal.Sealed{Object: c.object.Built, Content: c.object.Content})
		}
	}
	if len(objects) == 0 {
		return changes, nil, nil
	}
	values, err := p.options.Unsealer.Unseal(ctx, p.obj.Name, p.snapshot, objects)
	if err == nil {
		return changes, values, nil
	}
	plain := slices.DeleteFunc(slices.Clone(changes), func(c change) bool { return c.object.Sealed() })
	var unseal *unseal.UnsealError
	if errors.As(err, &unseal) {
		return plain, nil, &deliveryError{reason: unseal.Reason, message: unseal.Message, retry: unseal.Retryable(),
			after: keyservice.RetryAfter(unseal.Err)}
	}
	return plain, nil, &deliveryError{reason: v1alpha1.UnsealFailedReason, message: "the values could not be had",
		retry: true}
}

// intend writes the inventory that is old and new together before anything of
// it exists: an apply that is cut short leaves nothing that nobody remembers.
// The write carries the resource version that was read, so that a controller
// which lost its lease fails here, before it touches anything.
func (p *deliveryPass) intend(ctx context.Context, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		p.inv.Add(c.object.ID, c.object.Manifest.GroupVersionKind().Version)
	}
	if len(p.inv) == p.remembered && p.saved.Status.Policy != nil && *p.obj.Status.Policy == *p.saved.Status.Policy {
		return nil
	}
	if err := p.setInventory(); err != nil {
		return err
	}
	p.progress("applying %s", p.obj.Spec.Revision)
	if err := p.save(ctx); err != nil {
		return err
	}
	p.remembered = len(p.inv)
	return nil
}

// apply sends the changes, stage by stage. A failure of one object keeps only
// what needs that object.
func (p *deliveryPass) apply(ctx context.Context, changes []change, values map[ObjectID]map[string]string) {
	objects := make([]apply.Object, 0, len(changes))
	by := map[ObjectID]change{}
	for _, c := range changes {
		objects = append(objects, c.object)
		by[c.object.ID] = c
	}
	for stage, objects := range apply.Stages(objects) {
		var made []apply.Object
		for _, o := range objects {
			if c := by[o.ID]; !p.blocked(c) && p.applyOne(ctx, c, values[o.ID]) {
				made = append(made, o)
			}
		}
		p.prove(ctx, made, values)
		if stage == apply.ApplyDefinitions {
			p.established(ctx, objects)
		}
	}
}

// applyOne sends one object, and reports whether it made it.
func (p *deliveryPass) applyOne(ctx context.Context, c change, values map[string]string) (made bool) {
	o, before := c.object, p.inv[c.object.ID]
	entry, made, err := p.hands.Put(ctx, o, before, values)
	p.inv[o.ID] = entry
	if err != nil {
		p.notReplaced(o.ID, before, err)
		p.fail(o, err)
		return false
	}
	if _, gone := p.gone(o.ID); gone { // nobody's deed, and nothing was made
		return false
	}
	p.mem.right(o.ID, version{entry.ResourceVersion, entry.Generation})
	p.mem.touched(o.ID, p.now())
	if entry.TakenOver && !before.TakenOver {
		p.event("TakenOver", inventory.Describe(o.ID)+" was somebody else's and is this placement's now, as Git says")
	}
	if c.revert {
		p.mem.fights.Reverted(o.ID, c.deed, p.now())
		p.event("DriftReverted", fmt.Sprintf("%s had been %s", inventory.Describe(o.ID), c.deed))
	}
	return made
}

// provers is how many objects get their proof at once: none needs another's.
const provers = 8

// prove gives the objects that a stage made the proof that names their uid.
func (p *deliveryPass) prove(ctx context.Context, made []apply.Object, values map[ObjectID]map[string]string) {
	entries, errs := make([]v1alpha1.InventoryEntry, len(made)), make([]error, len(made))
	var group errgroup.Group
	group.SetLimit(provers)
	for i, o := range made {
		before := p.inv[o.ID]
		group.Go(func() error {
			entries[i], errs[i] = p.hands.Prove(ctx, o, before, values[o.ID])
			return nil
		})
	}
	_ = group.Wait()
	for i, o := range made {
		p.inv[o.ID] = entries[i]
		p.mem.right(o.ID, version{entries[i].ResourceVersion, entries[i].Generation})
		if errs[i] != nil {
			p.fail(o, errs[i])
		}
	}
}

// notReplaced follows what stands after a replacement that failed: the ledger
// must not name a Secret that is gone.
func (p *deliveryPass) notReplaced(id ObjectID, before v1alpha1.InventoryEntry, err error) {
	var failed *apply.ReplaceError
	if !errors.As(err, &failed) || failed.Outcome == apply.Stands {
		return
	}
	p.mem.touched(id, p.now())
	if failed.Outcome == apply.PutBack {
		p.mem.right(id, version{p.inv[id].ResourceVersion, p.inv[id].Generation})
		return
	}
	p.mem.gone(id)
	p.reportLost(id, before)
}

// established waits until namespaces are active and CRDs are served.
func (p *deliveryPass) established(ctx context.Context, objects []apply.Object) {
	for _, o := range objects {
		if _, failed := p.failures.of[o.ID]; failed {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, establishPoll, establishTimeout, true,
			func(ctx context.Context) (bool, error) {
				health, err := p.hands.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
				return health.Current(), err
			})
		if err != nil {
			p.fail(o, fmt.Errorf("wait for %s to be established: %w", inventory.Describe(o.ID), err))
			p.unlike(o.ID)
		}
	}
}

// conflicts ends the pass when another placement claims an object of this one.
// Everything else was applied; nothing is pruned.
func (p *deliveryPass) conflicts() error {
	if len(p.placed.Conflicts) == 0 {
		return nil
	}
	c := p.placed.Conflicts[0]
	return held(v1alpha1.ConflictReason, "%s is claimed by %s too, and %d conflicts in all: nobody gets it",
		inventory.Describe(c.ID), say.List(c.With), len(p.placed.Conflicts))
}

// applied notes a complete apply.
func (p *deliveryPass) applied() {
	if p.mem.digest != p.obj.Spec.BuildDigest {
		return
	}
	if p.obj.Status.AppliedBuildDigest != p.obj.Spec.BuildDigest || p.mem.since.IsZero() {
		p.mem.since = p.now()
	}
	p.obj.Status.AppliedBuildDigest = p.obj.Spec.BuildDigest
	p.obj.Status.AppliedRevision = p.obj.Spec.Revision
	p.mem.stood = stood{digest: p.obj.Spec.BuildDigest, objects: p.objects}
	p.mem.backstop = p.now().Add(pace.Jittered(p.placed.Placement.Spec.IntervalOrDefault()))
	if p.mem.healthy {
		p.mem.healthy = false // the backstop looks at health too
	}
}

// settle ends the work on objects: what is in the inventory stands. Answers for
// values that stand no more are dropped.
func (p *deliveryPass) settle(ctx context.Context) {
	contents := map[string]bool{}
	for _, entry := range p.inv {
		if entry.Content != "" {
			contents[entry.Content] = true
		}
	}
	keep := slices.Sorted(maps.Keys(contents))
	if text := fmt.Sprint(keep); p.mem.kept != text {
		if err := p.options.Unsealer.Forget(ctx, p.obj.Name, keep); err != nil {
			p.notes = append(p.notes, "answers of values that are gone could not be dropped yet")
			p.later(forgetRetry)
			return
		}
		p.mem.kept = text
	}
}
