package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

// converge makes the cluster as the build says, where that differs: compare,
// unseal, intend, apply. An object that another placement claims too ends the pass
// then: everything else was applied, and of what Git dropped only values go.
//
// Marks are taken here and nowhere else. A pass that does not come to this leaves them:
// what another placement took while this one did not build, or waited, is looked at when
// Git gives it back, though the build is the one that was applied last.
func (p *pass) converge(ctx context.Context) error {
	p.comparison.dirty = p.mem.sight.Take()
	full := p.full()
	if full || len(p.comparison.dirty) > 0 {
		p.mem.compared.whole = false
		if err := p.send(ctx, full); err != nil {
			return err
		}
		p.lookout.watch(ctx, p.stand, p.aim) // a CRD of this build may just have come
	}
	if err := p.aim.Conflicts(); err != nil {
		return errors.Join(p.failed(), p.revokes(ctx, err))
	}
	if full && !p.failures.any() {
		p.applied()
	}
	return nil
}

// send has unsealed what changed, writes the intended inventory and applies in
// stages.
func (p *pass) send(ctx context.Context, full bool) error {
	d := p.record.Obj
	changes, values, sealed := p.unsealing().fresh(ctx, p.compare(ctx, p.aim.Objects, full))
	if sealed != nil && d.Status.AppliedBuildDigest != d.Spec.BuildDigest {
		return p.revokes(ctx, sealed) // a new stub: the application is held whole
	}
	p.carry(ctx)
	if err := p.intend(ctx, changes); err != nil {
		return p.waits(ctx, err)
	}
	if err := p.beforeRotation(ctx, changes); err != nil {
		// Nobody's restart holds up a value.
		p.record.Warn("RestartFailed", say.Steady(err).Error())
	}
	p.application().of(ctx, changes, values)
	if sealed != nil {
		return errors.Join(p.failed(), sealed)
	}
	p.mem.compared.ended(d.Spec.BuildDigest, full, p.failures.any())
	return nil
}

// compare finds what is to be sent. What differs at the next look, somebody did meanwhile.
func (p *pass) compare(ctx context.Context, objects []apply.Object, full bool) []change {
	p.mem.compared.begun = true
	return p.comparison.of(ctx, objects, full)
}

// carry has kept what leaves Git with a build that has references.
func (p *pass) carry(ctx context.Context) {
	d := p.record.Obj
	if d.Status.AppliedBuildDigest == d.Spec.BuildDigest {
		return
	}
	err := p.unsealing().carry(ctx, p.aim.Objects, func() ([]apply.Object, error) {
		return p.mem.builds.Stood(ctx, p.aim.Snapshot, d)
	})
	if err != nil && ctx.Err() == nil {
		logf.FromContext(ctx).Error(say.Steady(err), "stubs that leave Git are not kept: a lost value is asked for",
			"placement", p.aim.Name)
	}
}

// intend writes the inventory that is old and new together before anything of
// it exists: an apply that is cut short leaves nothing that nobody remembers.
// The write carries the resource version that was read, so that a controller
// which lost its lease fails here, before it touches anything.
func (p *pass) intend(ctx context.Context, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		p.stand.inv.Add(c.object.ID, c.object.Manifest.GroupVersionKind().Version, c.object.Prune())
	}
	status, saved := &p.record.Obj.Status, p.record.Saved().Status
	if digest := p.record.Obj.Spec.BuildDigest; status.AppliedBuildDigest != digest {
		status.BegunBuildDigest = digest // saved here, or with the end of the pass
	}
	if len(p.stand.inv) == p.stand.saved && saved.Policy != nil && *status.Policy == *saved.Policy {
		return nil
	}
	if err := p.record.Keep(p.stand.inv); err != nil {
		return err
	}
	loop.Working(p.record.Obj, meta.ProgressingReason, "applying "+p.record.Obj.Spec.Revision)
	if err := p.record.Save(ctx); err != nil {
		return err
	}
	p.stand.saved = len(p.stand.inv)
	return nil
}

// waits ends a pass that something keeps from the build that is to come: a value
// that is not to be had, a dependency, a build that fails. What stood is healed
// as it stood, and only what is new waits.
func (p *pass) waits(ctx context.Context, hold error) error {
	d := p.record.Obj
	if p.aim.Placed.Err == nil && d.Status.AppliedBuildDigest == d.Spec.BuildDigest {
		return hold // nothing is new: the comparison healed what it could
	}
	if err := p.heal(ctx); err != nil && ctx.Err() == nil {
		logf.FromContext(ctx).Error(say.Steady(err), "what stood is not healed", "placement", p.aim.Name)
		p.again.Within(healRetry)
	}
	return hold
}

// heal brings back what stood and was changed or deleted. It asks nobody for a
// value: what has no kept answer waits with the rest.
func (p *pass) heal(ctx context.Context) error {
	before, err := p.mem.builds.Stood(ctx, p.aim.Snapshot, p.record.Obj)
	if err != nil {
		return err
	}
	objects := p.aim.Healable(p.stand.inv, before)
	if len(objects) == 0 {
		return nil
	}
	possible, values, err := p.unsealing().kept(ctx, p.compare(ctx, objects, true))
	if err != nil {
		return err
	}
	p.application().of(ctx, possible, values)
	return p.failed()
}

// failed words what the pass could not do; nil when it could do everything.
func (p *pass) failed() error { return p.failures.end(p.record.Obj.Spec.Revision) }

// applied notes a complete apply.
func (p *pass) applied() {
	d := p.record.Obj
	if p.mem.compared.digest != d.Spec.BuildDigest {
		return
	}
	p.mem.vigil.applied(d.Status.AppliedBuildDigest != d.Spec.BuildDigest, p.now())
	d.Status.AppliedBuildDigest, d.Status.LastAppliedRevision = d.Spec.BuildDigest, d.Spec.Revision
	d.Status.BegunBuildDigest = ""
	p.mem.builds.Applied(d.Spec.BuildDigest, p.aim.Objects)
	p.mem.compared.backstop = p.now().Add(pace.Jittered(p.aim.Placed.Placement.Spec.IntervalOrDefault()))
}

// prune takes away what Git dropped. What stays because it is in use keeps nothing
// else.
func (p *pass) prune(ctx context.Context) error {
	err := p.pruning().run(ctx, true)
	var ended *loop.Error
	if errors.As(err, &ended) && ended.InUse {
		p.inUse = err
		return nil
	}
	if err != nil {
		// What is well or not, of what was applied, is so whatever stays.
		_ = p.wellness(ctx)
		return errors.Join(p.failed(), err)
	}
	return nil
}

// settle ends the work on objects: what is in the inventory stands. Answers for
// values that neither stand nor come are dropped.
func (p *pass) settle(ctx context.Context) error {
	keep := p.stand.inv.Contents()
	for _, o := range p.aim.Objects {
		if o.Sealed() {
			keep = append(keep, o.Content)
		}
	}
	slices.Sort(keep)
	keep = slices.Compact(keep)
	text := fmt.Sprint(keep)
	if p.mem.kept == text {
		return nil
	}
	if err := p.unsealing().forget(ctx, keep); err != nil {
		p.record.Note("answers of values that are gone could not be dropped yet")
		p.again.Within(forgetRetry)
		return nil
	}
	p.mem.kept = text
	return nil
}
