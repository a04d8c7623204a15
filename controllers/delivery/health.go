package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// health looks, once, whether everything that stands is well. Not yet: the pass
// ends as progressing and comes back when a status moves, or after a while. Past
// the timeout, or failed: the Delivery says so, and goes on looking.
func (p *deliveryPass) health(ctx context.Context) error {
	if p.mem.healthy || !p.placed.Placement.Spec.WaitEnabled() {
		return nil
	}
	for _, o := range p.objects {
		if _, failed := p.failures.of[o.ID]; failed {
			continue // it is told as what it is
		}
		if err := p.healthOf(ctx, o); err != nil {
			return err
		}
	}
	p.mem.healthy, p.mem.well = true, true
	return nil
}

func (p *deliveryPass) healthOf(ctx context.Context, o apply.Object) error {
	if ended, gone := p.gone(o.ID); gone {
		if ended == apply.RunFailed {
			return &deliveryError{reason: meta.HealthCheckFailedReason,
				message: inventory.Describe(o.ID) + " failed, and is gone since"}
		}
		return nil
	}
	health, err := p.hands.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
	if err != nil {
		return applyFailed(err)
	}
	message := fmt.Sprintf("%s is %s: %s", inventory.Describe(o.ID), health.Status, health.Message)
	if health.Current() {
		// Nothing but the kubelet finds out by itself, and not before it starts a pod.
		if message, err = p.hands.Lacks(ctx, o, p.desired); err != nil {
			return applyFailed(err)
		}
	}
	if message == "" {
		return nil
	}
	if health.Failed() || p.now().Sub(p.clock(o)) > p.timeout() {
		p.later(unhealthyPoll)
		return &deliveryError{reason: meta.HealthCheckFailedReason, message: message}
	}
	p.later(healthPoll)
	return progressing("%s", message)
}

// clock is since when an object is waited for: since the revision was applied,
// since it or what its pods read was written again, or since it was first seen
// unwell after everything had been well. What was well for a month and is being
// mended has its whole timeout.
func (p *deliveryPass) clock(o apply.Object) time.Time {
	if p.mem.well {
		p.mem.well, p.mem.since = false, p.now()
	}
	latest := p.mem.since
	look := func(id ObjectID) {
		if at := p.mem.changed[id]; at.After(latest) {
			latest = at
		}
	}
	look(o.ID)
	for _, ref := range workload.Reads(o.Manifest.Object) {
		look(ObjectID{Kind: ref.Kind, Namespace: o.ID.Namespace, Name: ref.Name})
	}
	return latest
}
