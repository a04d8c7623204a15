package delivery

import (
	"context"
	"errors"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/judging"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// conclude is how a pass ends that went through: what failed comes first, then
// who undoes what was done, then what is not well yet.
func (p *pass) conclude(ctx context.Context) error {
	err := p.health.runs(ctx)
	if unwell := loop.Together(p.wellness(ctx), p.inUse); err == nil {
		err = unwell
	}
	if p.options.Reporter != nil {
		if looked := p.health.rollouts(ctx); err == nil {
			err = looked
		}
	}
	if beside := p.beside(ctx); err == nil {
		err = beside
	}
	for _, unwatched := range p.lookout.blind {
		err = applyFailed(unwatched)
	}
	if contested := p.comparison.contested(p.aim.Desired); contested != nil {
		err = contested
	}
	if failed := p.failed(); failed != nil {
		err = failed
	}
	return err
}

// wellness looks at health, by what Git says of it. An expression that cannot be used
// keeps nothing from being applied: nobody knows then whether it is well, that is all.
func (p *pass) wellness(ctx context.Context) error {
	set, err := p.mem.expressions.Compiled(p.aim.Placed.Placement)
	if err != nil {
		healthy(p.record.Obj, true, err)
		return err
	}
	p.health.judges = &judging.Judges{Set: set, Now: p.now}
	unwell := p.health.of(ctx)
	healthy(p.record.Obj, p.health.asked(), unwell)
	return unwell
}

// healthy writes the condition Healthy: what stands, whatever else is wrong. Where
// nobody asks for health there is none.
func healthy(d *v1alpha1.Delivery, asked bool, unwell error) {
	switch {
	case !asked:
		conditions.Delete(d, meta.HealthyCondition)
		return
	case unwell == nil:
		conditions.MarkTrue(d, meta.HealthyCondition, meta.SucceededReason, "everything that is waited for is well")
		return
	}
	switch ended := loop.End(unwell, meta.HealthCheckFailedReason); {
	case ended.Intent == loop.Progress:
		conditions.MarkUnknown(d, meta.HealthyCondition, ended.Reason, "%s", ended.Message)
	default:
		conditions.MarkFalse(d, meta.HealthyCondition, ended.Reason, "%s", ended.Message)
	}
}

// finish is the one place that turns the end of a pass into a status.
func (p *pass) finish(ctx context.Context, result error) (ctrl.Result, error) {
	if errors.Is(result, errQuiet) {
		p.mem.sight.Wait(false, true) // the next snapshot may have something to say
		p.ledger().tell(ctx)
		return ctrl.Result{}, nil
	}
	before := conditions.Get(p.record.Obj, meta.ReadyCondition)
	end := &ending{record: p.record, mem: p.mem, stand: p.stand, aim: p.aim, again: &p.again, now: p.now,
		began: p.began}
	if p.stand.inv != nil {
		if err := end.count(); err != nil {
			return ctrl.Result{}, err
		}
	}
	end.state(result)
	if err := p.record.Save(ctx); err != nil {
		p.mem.compared.whole = false
		p.record.Unsaved(ctx, err)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p.ledger().tell(ctx)
	p.record.Tell(ctx, before)
	var ended *loop.Error
	running := p.health != nil && p.health.running
	waiting := running || errors.As(result, &ended) &&
		(ended.Intent == loop.Progress || ended.InUse || ended.Reason == meta.HealthCheckFailedReason)
	p.mem.sight.Wait(waiting, result != nil || len(p.stand.inv) > len(p.aim.Desired))
	return ctrl.Result{RequeueAfter: end.next(result)}, nil
}
