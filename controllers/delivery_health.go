package controllers

import (
	"context"
	"fmt"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
)

// health looks, once, whether everything that stands is well. Not yet: the pass
// ends as progressing and comes back when a status moves, or after a while. Past
// the timeout, or failed: the Delivery says so, and goes on looking.
func (p *deliveryPass) health(ctx context.Context) error {
	if p.mem.healthy || !p.placed.Placement.Spec.WaitEnabled() {
		return nil
	}
	for _, o := range p.objects {
		health, err := p.hands.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
		if err != nil {
			return applyFailed(err)
		}
		message := fmt.Sprintf("%s is %s: %s", apply.Describe(o.ID), health.Status, health.Message)
		if health.Current() {
			// Nothing but the kubelet finds out by itself, and not before it starts a pod.
			if message, err = p.hands.Lacks(ctx, o, p.desired); err != nil {
				return applyFailed(err)
			}
		}
		if message == "" {
			continue
		}
		if health.Failed() || p.now().Sub(p.mem.since) > p.timeout() {
			p.later(unhealthyPoll)
			return &deliveryError{reason: meta.HealthCheckFailedReason, message: message}
		}
		p.later(healthPoll)
		return progressing("%s", message)
	}
	p.mem.healthy = true
	return nil
}
