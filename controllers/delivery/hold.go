package delivery

import (
	"context"
	"errors"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/hold"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// mayChange holds a new build while its placement says that changes do not arrive now.
// What stands of the build before is healed meanwhile, as while a value is not to be
// had. A build that gives nothing new is none to hold: what Git takes away goes at once.
func (p *pass) mayChange(ctx context.Context) error {
	d := p.record.Obj
	spec := p.aim.Placed.Placement.Spec
	held := hold.Window(spec, d.Spec.Revision, p.now())
	if d.Status.AppliedBuildDigest == d.Spec.BuildDigest || held == nil && spec.Rollout == nil ||
		!p.aim.Gives(p.stand.inv) && !p.stand.lost(p.aim, p.look(ctx)) {
		return nil
	}
	if held != nil {
		return p.held(ctx, held)
	}
	return p.turn(ctx)
}

// turn asks once for each build whether it is this cluster's turn: what has begun here
// goes on, also in the next process. What depends on what never comes has no turn to wait for; it is told that
// next.
func (p *pass) turn(ctx context.Context) error {
	d, placed := p.record.Obj, p.aim.Placed
	begun := p.mem.begun == d.Spec.BuildDigest || d.Status.BegunBuildDigest == d.Spec.BuildDigest
	if placed.Placement.Spec.Rollout == nil || begun || p.neverBegins() {
		return nil
	}
	var pacer Pacer
	if p.options.Pacer != nil {
		pacer = p.options.Pacer()
	}
	held := hold.Wave(ctx, pacer, hold.Release{Head: p.aim.Snapshot.Head, Revision: d.Spec.Revision,
		Placed: placed, Stood: stood(d)})
	if held != nil {
		return p.held(ctx, held)
	}
	p.mem.begun = d.Spec.BuildDigest
	return nil
}

// neverBegins: what Git says of dependencies can never be.
func (p *pass) neverBegins() bool {
	d := p.record.Obj
	return slices.ContainsFunc(p.aim.Placed.Placement.Spec.DependsOn, func(r api.PlacementReference) bool {
		return p.aim.Snapshot.Never(d.Name, r.Name) != ""
	})
}

// stood says that the build was Ready here before, as the history has it.
func stood(d *v1alpha1.Delivery) bool {
	return slices.ContainsFunc(d.Status.History, func(was meta.Snapshot) bool {
		return was.Digest == d.Spec.BuildDigest && was.LastReconciledStatus == meta.ReconciliationSucceededReason
	})
}

// held ends a pass whose build may not come yet.
func (p *pass) held(ctx context.Context, held *hold.Hold) error {
	p.again.Within(held.Again)
	return p.revokes(ctx, held.End)
}

// revokes ends a pass whose build waits: for its time, for what it depends on, for a value.
// Nothing that is new is sent; of what Git dropped only values go. A commit that takes one away
// takes it, whatever else is in it.
func (p *pass) revokes(ctx context.Context, hold error) error {
	result := p.waits(ctx, hold)
	pruning := p.pruning()
	pruning.held = true
	err := pruning.run(ctx, true)
	var ended, why *loop.Error
	if errors.As(err, &ended) && ended.InUse && errors.As(hold, &why) {
		said := *why
		said.Message += "; " + ended.Message
		result, err = &said, nil
	}
	if err := p.settle(ctx); err != nil {
		return loop.Together(result, err)
	}
	return loop.Together(result, err)
}
