package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// stateSize bounds what a report says of placements, in bytes.
const stateSize = 96 << 10

// state is what this cluster says of itself: what its conditions say, whichever
// pass failed or did not begin. Those that are not well come first, so that
// what has no room is what needs nobody.
func (r *Reporter) state(ctx context.Context, snapshot *view.Snapshot) (*keyservicev1.ClusterState, error) {
	deliveries := &v1alpha1.DeliveryList{}
	if err := r.Client.List(ctx, deliveries, client.InNamespace(r.Namespace)); err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	syncs := &v1alpha1.FleetSyncList{}
	if err := r.Client.List(ctx, syncs, client.InNamespace(r.Namespace)); err != nil {
		return nil, fmt.Errorf("list fleetsyncs: %w", err)
	}
	state := &keyservicev1.ClusterState{Version: printable.Line(r.Version, protocol.MaxVersion)}
	for i := range syncs.Items {
		if syncs.Items[i].Spec.Suspend {
			state.Suspended = SuspensionOf(ctx, r.Reader, &syncs.Items[i])
		}
	}
	for i := range deliveries.Items {
		state.Deliveries = append(state.Deliveries, r.deliveryState(ctx, &deliveries.Items[i], snapshot))
	}
	bound(state)
	return state, nil
}

func (r *Reporter) deliveryState(
	ctx context.Context, d *v1alpha1.Delivery, snapshot *view.Snapshot,
) *keyservicev1.DeliveryState {
	s := &keyservicev1.DeliveryState{Placement: d.Name, Objects: uint32(max(0, d.Status.Objects)), Variant: d.Spec.Variant}
	if d.Spec.Suspend {
		s.Suspended = SuspensionOf(ctx, r.Reader, d)
	}
	ready := conditions.Get(d, meta.ReadyCondition)
	if ready == nil {
		return s
	}
	s.Reason, s.Since = printable.Line(ready.Reason, 64), ready.LastTransitionTime.UnixMicro()
	switch {
	case ready.Status == metav1.ConditionTrue && isBehind(d, snapshot):
		s.Reason, s.Message = meta.ProgressingReason, "ready as of an earlier head"
		return s
	case ready.Status == metav1.ConditionTrue:
		s.Ready, s.Release = keyservicev1.Readiness_READINESS_READY, releaseOf(snapshot.Placed(d.Name))
		return s
	case ready.Status == metav1.ConditionFalse:
		s.Ready = keyservicev1.Readiness_READINESS_NOT_READY
		s.Behind = ready.ObservedGeneration != d.Generation || isUnwritten(d, snapshot)
	}
	// Conditions are masked where they are written: they name objects, no values.
	s.Message = printable.Line(ready.Message, protocol.MaxMessage)
	return s
}

// releaseOf is what waves are told that a cluster is Ready with; "" where nobody asks.
func releaseOf(placed *kustomize.Placed) string {
	if placed == nil || placed.Placement == nil || placed.Placement.Spec.Rollout == nil {
		return ""
	}
	return placed.Release()
}

// isUnwritten says that a Delivery has not been given yet what the head builds.
func isUnwritten(d *v1alpha1.Delivery, snapshot *view.Snapshot) bool {
	placed := snapshot.Placed(d.Name)
	return placed != nil && placed.Build != nil && placed.Build.Digest != d.Spec.BuildDigest
}

// isBehind says that what a Delivery is Ready with is not what the head of the
// report builds: it has not been written, or not been worked on yet.
func isBehind(d *v1alpha1.Delivery, snapshot *view.Snapshot) bool {
	placed := snapshot.Placed(d.Name)
	if placed == nil || placed.Build == nil {
		return false
	}
	return isUnwritten(d, snapshot) || placed.Build.Digest != d.Status.AppliedBuildDigest ||
		d.Generation != d.Status.ObservedGeneration
}

// bound keeps what the service takes.
func bound(state *keyservicev1.ClusterState) {
	slices.SortFunc(state.Deliveries, func(a, b *keyservicev1.DeliveryState) int {
		return cmp.Or(cmp.Compare(unwell(b), unwell(a)), cmp.Compare(a.GetPlacement(), b.GetPlacement()))
	})
	size := 0
	for i, d := range state.GetDeliveries() {
		if size += proto.Size(d) + 4; size > stateSize || i == protocol.MaxDeliveries {
			state.LeftOut = uint32(len(state.Deliveries) - i)
			state.Deliveries = state.Deliveries[:i]
			return
		}
	}
}

// unwell puts first who needs somebody, and then what waves of other clusters wait for.
func unwell(d *keyservicev1.DeliveryState) int {
	switch {
	case d.GetReady() != keyservicev1.Readiness_READINESS_READY || d.GetSuspended() != nil:
		return 2
	case d.GetRelease() != "":
		return 1
	}
	return 0
}
