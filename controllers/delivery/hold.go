package delivery

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/controllers/internal/hold"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// mayChange holds a new build while its placement says that changes do not arrive now.
// What stands of the build before is healed meanwhile, as while a value is not to be
// had; and what Git dropped goes.
func (p *pass) mayChange(ctx context.Context) error {
	d := p.record.Obj
	if d.Status.AppliedBuildDigest == d.Spec.BuildDigest {
		return nil
	}
	if held := hold.Window(p.aim.Placed.Placement.Spec, d.Spec.Revision, p.now()); held != nil {
		return p.held(ctx, held)
	}
	return nil
}

// held ends a pass whose build waits. Nothing that is new is sent.
func (p *pass) held(ctx context.Context, held *hold.Hold) error {
	p.again.Within(held.Again)
	result := p.waits(ctx, held.End)
	pruning := p.pruning()
	pruning.held = true
	err := pruning.run(ctx, true)
	var ended *loop.Error
	if errors.As(err, &ended) && ended.InUse {
		p.record.Note("%s", ended.Message)
		err = nil
	}
	if err := p.settle(ctx); err != nil {
		return loop.Together(result, err)
	}
	return loop.Together(result, err)
}
