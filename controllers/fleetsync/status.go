package fleetsync

import (
	"context"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/patch"
	"github.com/fluxcd/pkg/runtime/reconcile"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// fleetSyncOwned are the conditions that this loop alone writes.
var fleetSyncOwned = []string{meta.ReadyCondition, meta.ReconcilingCondition, meta.StalledCondition,
	v1alpha1.RefDiffersCondition}

// requested is the value of the annotation that asks for a pass now.
func (p *pass) requested() string {
	value, _ := meta.ReconcileAnnotationValue(p.obj.GetAnnotations())
	return value
}

// begin shows a new generation as in progress before the work on it starts: an
// object without a status counts as done for kstatus.
func (r *Reconciler) begin(ctx context.Context, p *pass, patcher *patch.SerialPatcher) error {
	if p.obj.Status.ObservedGeneration == p.obj.Generation || conditions.IsReconciling(p.obj) {
		return nil
	}
	conditions.Delete(p.obj, meta.StalledCondition)
	reconcile.ProgressiveStatus(true, p.obj, meta.ProgressingReason, "reading the fleet repository")
	return client.IgnoreNotFound(patcher.Patch(ctx, p.obj, reconcile.AddPatchOptions(p.obj, nil, fleetSyncOwned,
		own.FieldManager)...))
}

// finish turns the pass's result into conditions, events and the time of the
// next pass. It is the only place that does.
func (r *Reconciler) finish(ctx context.Context, p *pass, patcher *patch.SerialPatcher, result error,
) (ctrl.Result, error) {
	before := conditions.Get(p.obj, meta.ReadyCondition)
	r.compareRef(p)
	conclude(p, result)
	after := conditions.Get(p.obj, meta.ReadyCondition)
	if before == nil || before.Reason != after.Reason || result != nil && before.Message != after.Message {
		if result != nil {
			logf.FromContext(ctx).Info("pass ended early", "reason", after.Reason, "why", result.Error())
			r.warn(p.obj, after.Reason, after.Message)
		} else {
			r.note(p.obj, after.Reason, after.Message)
		}
	}
	r.handled = p.requested()
	if r.handled != "" {
		p.obj.Status.SetLastHandledReconcileRequest(r.handled)
	}
	wait := r.acceptance.untilEnd(p, r.next(p, result))
	p.obj.Status.NextLook = nextLook(p.now, wait, intervalOf(p.obj))
	options := reconcile.AddPatchOptions(p.obj, nil, fleetSyncOwned, own.FieldManager)
	if err := client.IgnoreNotFound(patcher.Patch(ctx, p.obj, options...)); err != nil {
		return ctrl.Result{}, fmt.Errorf("write status: %w", err)
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// conclude writes the conditions.
func conclude(p *pass, result error) {
	defer func() { say.Conditions(p.obj.Status.Conditions) }()
	if result == nil {
		loop.Succeed(p.obj, meta.SucceededReason, success(p))
		return
	}
	loop.Conclude(p.obj, loop.End(result, meta.FailedReason), false)
}

func success(p *pass) string {
	if own := p.snapshot.Model.Clusters[p.obj.Spec.ClusterName]; own != nil && own.Spec.Decommission {
		return "this cluster is decommissioned: everything placed here is deprovisioned"
	}
	return fmt.Sprintf("%s at %s", plural.Of(p.obj.Status.Placements, "placement"), p.snapshot.Revision)
}

// next is when to look again. Failures back off up to the interval, with jitter
// so that a fleet does not return to a recovered remote in one moment.
func (r *Reconciler) next(p *pass, result error) time.Duration {
	interval := intervalOf(p.obj)
	if result == nil || !loop.End(result, "").Retryable() {
		r.failures.Reset()
		if p.again > 0 {
			r.remote.wanted.Store(true)
			return min(pace.Jittered(interval), pace.Jittered(p.again))
		}
		return pace.Jittered(interval)
	}
	if retry := p.obj.Spec.RetryInterval; retry != nil && retry.Duration > 0 {
		return r.failures.Every(retry.Duration, source.RetryAfter(result))
	}
	return r.failures.Next(interval, source.RetryAfter(result))
}

// nextLook is what the status says of the next look: nothing while spec.interval
// says it. A time that is right at every pass would be a write for every look.
func nextLook(now time.Time, wait, interval time.Duration) *metav1.Time {
	if wait <= interval+interval/10 {
		return nil
	}
	return &metav1.Time{Time: now.Add(wait).Truncate(time.Second)}
}

// note and warn record an event; messages hold revisions and names, no values.
func (r *Options) note(obj *v1alpha1.FleetSync, reason, message string) {
	say.Recorder{EventRecorder: r.Recorder}.Event(obj, corev1.EventTypeNormal, reason, say.Short(message))
}

func (r *Options) warn(obj *v1alpha1.FleetSync, reason, message string) {
	say.Recorder{EventRecorder: r.Recorder}.Event(obj, corev1.EventTypeWarning, reason, say.Short(message))
}

// suspended says that nobody looks at the repository: an object that says Ready
// while the fleet moves on without it would be believed.
func (r *Reconciler) suspended(ctx context.Context, obj *v1alpha1.FleetSync, patcher *patch.SerialPatcher) error {
	by := report.BySince(report.SuspensionOf(ctx, r.Reader, obj))
	obj.Status.NextLook = nil
	conditions.Delete(obj, meta.ReconcilingCondition)
	conditions.Delete(obj, meta.StalledCondition)
	conditions.MarkFalse(obj, meta.ReadyCondition, v1alpha1.SuspendedReason,
		"suspended%s: no commit is looked at, and nothing new is delivered; what stands is kept as of %s; hint: set spec.suspend to false", by, obj.Status.Head)
	options := reconcile.AddPatchOptions(obj, nil, fleetSyncOwned, own.FieldManager)
	return client.IgnoreNotFound(patcher.Patch(ctx, obj, options...))
}
