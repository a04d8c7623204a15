package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// health looks, once, whether everything that stands is well. Not yet: the pass
// ends as progressing and comes back when a status moves, or after a while. Past
// the timeout, or failed: the Delivery says so, and goes on looking.
type health struct {
	aim      *aim.Aim
	stand    *stand
	hands    *apply.Hands
	failures *failures
	again    *loop.Again
	now      func() time.Time
	timeout  time.Duration
	// running: something that ends by itself has not ended.
	running bool
}

// of looks at everything, unless it was seen well since it was written.
func (h *health) of(ctx context.Context) error {
	vigil := h.stand.vigil
	if vigil.healthy || !h.aim.Placed.Placement.Spec.WaitEnabled() {
		return nil
	}
	for _, o := range h.aim.Objects {
		if h.failures.has(o.ID) {
			continue // it is told as what it is
		}
		if err := h.ofOne(ctx, o); err != nil {
			return err
		}
	}
	vigil.healthy, vigil.well = true, true
	return nil
}

func (h *health) ofOne(ctx context.Context, o apply.Object) error {
	if ended, gone := h.stand.inv.Gone(o.ID); gone {
		if ended == apply.RunFailed {
			return loop.Stalled(meta.HealthCheckFailedReason, "%s failed, and is gone since", inventory.Describe(o.ID))
		}
		return nil
	}
	health, err := h.hands.Live.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
	if err != nil {
		return applyFailed(err)
	}
	message := fmt.Sprintf("%s is %s: %s", inventory.Describe(o.ID), health.Status, health.Message)
	if health.Current() {
		// Nothing but the kubelet finds out by itself, and not before it starts a pod.
		if message, err = h.hands.Live.Lacks(ctx, o, h.aim.Desired); err != nil {
			return applyFailed(err)
		}
	}
	if message == "" {
		return nil
	}
	if health.Failed() || h.now().Sub(h.stand.vigil.clock(o, h.now())) > h.timeout {
		h.again.Within(unhealthyPoll)
		return loop.Stalled(meta.HealthCheckFailedReason, "%s", message)
	}
	h.again.Within(healthPoll)
	return loop.Progressing("%s", message)
}

// runs looks how the objects that end by themselves fare, while they stand: once
// one is gone, nobody can tell.
func (h *health) runs(ctx context.Context) error {
	for _, o := range h.aim.Objects {
		entry := h.stand.inv[o.ID]
		if !o.Ends() || entry.UID == "" || entry.Run != nil && entry.Run.Ended != "" {
			continue
		}
		ended, err := h.hands.Live.Ended(ctx, o)
		if err != nil {
			return applyFailed(err)
		}
		if ended == "" {
			h.running = true
			continue
		}
		entry.Run = &v1alpha1.InventoryRun{Spec: o.Spec, Ended: ended}
		h.stand.inv[o.ID] = entry
	}
	return nil
}

// rollouts looks which workloads that read sealed secrets have rolled out. It
// asks the API server about those that had not when it looked last, and about
// none once the whole placement is healthy.
func (h *health) rollouts(ctx context.Context) error {
	vigil, waits := h.stand.vigil, false
	for _, o := range h.aim.Objects {
		if vigil.rolled[o.ID] || len(h.aim.SealedReads(o)) == 0 {
			continue
		}
		if _, gone := h.stand.inv.Gone(o.ID); gone {
			continue
		}
		if !vigil.healthy {
			health, err := h.hands.Live.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
			if err != nil {
				return applyFailed(err)
			}
			if !health.Current() {
				waits = true
				continue
			}
		}
		vigil.rollsOut(o.ID)
	}
	if waits && h.now().Sub(vigil.since) <= h.timeout {
		h.again.Within(unhealthyPoll)
	}
	return nil
}
