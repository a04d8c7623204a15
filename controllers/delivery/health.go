package delivery

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/judging"
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
	judges   *judging.Judges
	// running: something that ends by itself has not ended.
	running bool
}

// of looks at everything, unless it was seen well since it was written.
func (h *health) of(ctx context.Context) error {
	vigil, spec := h.stand.vigil, h.aim.Placed.Placement.Spec
	if vigil.healthy || !h.asked() {
		return nil
	}
	if spec.WaitEnabled() {
		for _, o := range h.aim.Objects {
			if h.failures.has(o.ID) {
				continue // it is told as what it is
			}
			if err := h.ofOne(ctx, o); err != nil {
				return err
			}
		}
	}
	for _, check := range spec.HealthChecks {
		if err := h.ofNamed(ctx, check); err != nil {
			return err
		}
	}
	vigil.healthy, vigil.well = true, true
	return nil
}

// asked: Git wants health to be waited for.
func (h *health) asked() bool {
	spec := h.aim.Placed.Placement.Spec
	return spec.WaitEnabled() || len(spec.HealthChecks) > 0
}

// ofOne looks at an object of the placement.
func (h *health) ofOne(ctx context.Context, o apply.Object) error {
	if ended, gone := h.stand.inv.Gone(o.ID); gone {
		if ended == apply.RunFailed {
			return loop.Stalled(meta.HealthCheckFailedReason, "%s failed, and is gone since", inventory.Describe(o.ID))
		}
		return nil
	}
	if entry := h.stand.inv[o.ID]; entry.UID != "" && entry.Applied == "" && !h.failures.unlike[o.ID] {
		return h.ofGoing(ctx, o, entry)
	}
	health, err := h.hands.Live.HealthBy(ctx, o.ID, o.Manifest.GroupVersionKind(), h.judges.Of(o))
	if err != nil {
		return applyFailed(err)
	}
	message := told(o.ID, health)
	if health.Current() {
		// Nothing but the kubelet finds out by itself, and not before it starts a pod.
		if message, err = h.hands.Live.Lacks(ctx, o, h.aim.Desired); err != nil {
			return applyFailed(err)
		}
	}
	return h.unwell(o, health, message)
}

// ofGoing is of an object that its apply met on its way out. Whatever its kind, it does
// not stand before another is made in its place.
func (h *health) ofGoing(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) error {
	fate, err := h.hands.Deletes.Look(ctx, o.ID, entry)
	if err != nil {
		return applyFailed(err)
	}
	return h.unwell(o, apply.Health{}, inventory.Describe(o.ID)+" is on its way out, and is made anew when it is gone"+
		fate.HeldBy())
}

// ofNamed looks at an object that Git names: of this placement, or one that somebody
// makes of it.
func (h *health) ofNamed(ctx context.Context, check api.HealthCheck) error {
	gvk := schema.FromAPIVersionAndKind(check.APIVersion, check.Kind)
	id := ObjectID{Group: gvk.Group, Kind: gvk.Kind, Namespace: check.Namespace, Name: check.Name}
	if o, ours := h.aim.Desired[id]; ours {
		if h.aim.Placed.Placement.Spec.WaitEnabled() || h.failures.has(id) {
			return nil
		}
		return h.ofOne(ctx, o)
	}
	look := h.hands.Live.Exists
	if !apply.Passive(id) {
		look = func(ctx context.Context, id ObjectID, gvk schema.GroupVersionKind) (apply.Health, error) {
			return h.hands.Live.HealthBy(ctx, id, gvk, h.judges.Kind(id))
		}
	}
	health, err := look(ctx, id, gvk)
	switch {
	case err != nil:
		return applyFailed(err)
	case health.Current():
		return nil
	}
	return h.unwell(apply.Object{ID: id}, health, told(id, health))
}

func told(id ObjectID, health apply.Health) string {
	return fmt.Sprintf("%s is %s: %s", inventory.Describe(id), health.Status, health.Message)
}

// unwell ends the look at an object that is not well, as what it is: progress, or past
// the timeout a failure. No message is for an object that is.
func (h *health) unwell(o apply.Object, health apply.Health, message string) error {
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
// one is gone, nobody can tell. It gives the first that cannot be looked at.
func (h *health) runs(ctx context.Context) (failed error) {
	for _, o := range h.aim.Objects {
		entry := h.stand.inv[o.ID]
		if !o.Ends() || entry.UID == "" || entry.Run != nil && entry.Run.Ended != "" {
			continue
		}
		ended, err := h.hands.Live.Ended(ctx, o, entry)
		if err != nil {
			failed = cmp.Or(failed, applyFailed(err))
			continue
		}
		if ended == "" {
			h.running = true
			continue
		}
		entry.Run = &v1alpha1.InventoryRun{Spec: o.Spec, Ended: ended}
		h.stand.inv[o.ID] = entry
	}
	return failed
}

// rollouts looks which workloads that read sealed secrets have rolled out. It
// asks the API server about those that had not when it looked last, and about
// none once the whole placement is healthy. It gives the first that cannot be looked at.
func (h *health) rollouts(ctx context.Context) (failed error) {
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
				failed = cmp.Or(failed, applyFailed(err))
				continue
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
	return failed
}
