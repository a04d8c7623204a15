package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

// When to look again. Events wake a Delivery earlier in all but the last case.
const (
	healthPoll            = 5 * time.Second
	unhealthyPoll         = 30 * time.Second
	removalPoll           = 2 * time.Second
	handOverRetry         = 30 * time.Second
	dependencyRetry       = 30 * time.Second
	forgetRetry           = 10 * time.Second
	healRetry             = 10 * time.Second
	firstPause            = time.Second // after one failure; it doubles
	longestRetry          = 2 * time.Minute
	slowRetry             = 10 * time.Minute // what waits for a person, or for Git
	defaultRemovalTimeout = 5 * time.Minute
)

// deliveryError is why a pass ended early.
type deliveryError struct {
	// reason becomes the reason of the Ready condition.
	reason  string
	message string
	// retry: the same may succeed later, without a change in Git.
	retry bool
	// after is the soonest that it may; zero for the usual back-off.
	after time.Duration
	// progress: nothing is wrong, it takes time.
	progress bool
	// inUse: what Git dropped stays because somebody names it. Nothing else waits.
	inUse bool
	err   error
}

func (e *deliveryError) Error() string { return e.message }
func (e *deliveryError) Unwrap() error { return e.err }

// held ends a pass until somebody acts, or something else happens.
func held(reason, format string, args ...any) error {
	return &deliveryError{reason: reason, message: fmt.Sprintf(format, args...)}
}

// progressing ends a pass that comes back by itself.
func progressing(format string, args ...any) error {
	return &deliveryError{reason: meta.ProgressingReason, message: fmt.Sprintf(format, args...), progress: true}
}

func failed(reason string, err error) error {
	return &deliveryError{reason: reason, message: err.Error(), err: err}
}

// applyFailed gives errors of an apply their reason: a foreign object is a
// conflict, not a failure.
func applyFailed(err error) error {
	var known *deliveryError
	if errors.As(err, &known) {
		return err
	}
	reason := v1alpha1.ApplyFailedReason
	var conflict *apply.ConflictError
	if errors.As(err, &conflict) {
		reason = v1alpha1.ConflictReason
	}
	return &deliveryError{reason: reason, message: err.Error(), retry: true, err: err}
}

// finish is the one place that turns the end of a pass into a status.
func (p *deliveryPass) finish(ctx context.Context, result error) (ctrl.Result, error) {
	if errors.Is(result, errQuiet) {
		p.mem.state(false, true) // the next snapshot may have something to say
		p.report(ctx)
		return ctrl.Result{}, nil
	}
	before := conditions.Get(p.obj, meta.ReadyCondition)
	if p.inv != nil {
		if err := p.count(); err != nil {
			return ctrl.Result{}, err
		}
	}
	p.conclude(result)
	if err := p.save(ctx); err != nil {
		p.mem.planned = false
		p.unsaved(ctx, err)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p.report(ctx)
	p.tell(ctx, before)
	var ended *deliveryError
	waiting := p.running || errors.As(result,
		&ended) && (ended.progress || ended.inUse || ended.reason == meta.HealthCheckFailedReason)
	p.mem.state(waiting, result != nil || len(p.inv) > len(p.desired))
	return ctrl.Result{RequeueAfter: p.next(result)}, nil
}

// count writes the inventory into the status. Objects is what stood when the
// Delivery last settled: the guard measures against it.
func (p *deliveryPass) count() error {
	if err := p.setInventory(); err != nil {
		return err
	}
	p.obj.Status.Secrets = p.inv.Secrets()
	settled := p.obj.Status.AppliedBuildDigest == p.obj.Spec.BuildDigest && !p.obj.Spec.Removed
	if settled && len(p.inv) == len(p.desired) {
		p.obj.Status.Objects, _ = p.standingNow()
	}
	return nil
}

// conclude writes conditions and counters.
func (p *deliveryPass) conclude(result error) {
	status := &p.obj.Status
	status.ObservedGeneration = p.obj.Generation
	status.LastHandledReconcileAt = p.requested()
	if result == nil {
		status.Attempts = 0
		conditions.Delete(p.obj, meta.ReconcilingCondition)
		conditions.Delete(p.obj, meta.StalledCondition)
		stand, ran := p.standingNow()
		message := fmt.Sprintf("%d objects stand as of %s", stand, status.AppliedRevision)
		if len(ran) > 0 {
			p.note("ran to the end, and gone: %s", say.List(ran))
		}
		if taken := p.takenOver(); len(taken) > 0 {
			p.note("taken over from somebody else: %s", say.List(taken))
		}
		conditions.MarkTrue(p.obj, meta.ReadyCondition, meta.ReconciliationSucceededReason, "%s",
			strings.Join(append([]string{message}, p.notes...), "; "))
		return
	}
	ended := &deliveryError{reason: meta.ReconciliationFailedReason, message: result.Error(), retry: true}
	errors.As(result, &ended)
	if ended.progress {
		p.progress("%s", ended.message)
		conditions.MarkUnknown(p.obj, meta.ReadyCondition, ended.reason, "%s", ended.message)
		return
	}
	conditions.MarkFalse(p.obj, meta.ReadyCondition, ended.reason, "%s", ended.message)
	if ended.retry {
		status.Attempts++
	}
	if ended.retry || p.again > 0 { // it comes back by itself
		conditions.Delete(p.obj, meta.StalledCondition)
		conditions.MarkReconciling(p.obj, meta.ProgressingWithRetryReason, "%s", ended.message)
		return
	}
	conditions.Delete(p.obj, meta.ReconcilingCondition)
	conditions.MarkStalled(p.obj, ended.reason, "%s", ended.message)
}

// progress marks the Delivery as at work.
func (p *deliveryPass) progress(format string, args ...any) {
	conditions.Delete(p.obj, meta.StalledCondition)
	conditions.MarkReconciling(p.obj, meta.ProgressingReason, format, args...)
	conditions.MarkUnknown(p.obj, meta.ReadyCondition, meta.ProgressingReason, format, args...)
}

// next is when to come back: soon for what moves by itself, with back-off and
// jitter after failures, and at the backstop when all is well.
func (p *deliveryPass) next(result error) time.Duration {
	var ended *deliveryError
	retries := result != nil && (!errors.As(result, &ended) || ended.retry)
	if retries {
		delay := pace.Jittered(min(longestRetry, firstPause<<min(p.mem.failures, 10)))
		if ended != nil && ended.after > 0 {
			delay = max(delay, pace.Spread(ended.after))
		}
		p.later(delay)
		p.mem.failures++
		return p.again
	}
	p.mem.failures = 0
	if result != nil {
		p.later(pace.Jittered(slowRetry))
	}
	if !p.mem.backstop.IsZero() {
		p.later(max(time.Second, p.mem.backstop.Sub(p.now())))
	}
	return p.again
}

// save writes the status if it changed. The write is refused when another
// process wrote the status since it was read; a spec or an annotation written
// meanwhile does not count.
func (p *deliveryPass) save(ctx context.Context) error {
	say.Conditions(p.obj.Status.Conditions)
	if equality.Semantic.DeepEqual(p.obj.Status, p.saved.Status) {
		return nil
	}
	if err := p.saveParts(ctx); err != nil {
		return err
	}
	parts := p.saved.Status.InventoryParts
	for try := 0; ; try++ {
		next := p.saved.DeepCopy()
		p.obj.Status.DeepCopyInto(&next.Status)
		locked := client.MergeFromWithOptions(p.saved, client.MergeFromWithOptimisticLock{})
		err := p.client.Status().Patch(ctx, next, locked, client.FieldOwner(own.FieldManager))
		if err == nil {
			p.saved = next
			return p.dropParts(ctx, parts)
		}
		if !apierrors.IsConflict(err) || try > 3 {
			return fmt.Errorf("write status: %w", err)
		}
		live := &v1alpha1.Delivery{}
		if err := p.reader.Get(ctx, client.ObjectKeyFromObject(p.saved), live); err != nil {
			return fmt.Errorf("read status again: %w", err)
		}
		if live.UID != p.saved.UID || !equality.Semantic.DeepEqual(live.Status, p.saved.Status) {
			return fmt.Errorf("write status: somebody else did: %w", err)
		}
		p.saved = live
	}
}

// tell logs and records a change of the Ready condition's reason.
func (p *deliveryPass) tell(ctx context.Context, before *metav1.Condition) {
	after := conditions.Get(p.obj, meta.ReadyCondition)
	if after == nil || before != nil && before.Reason == after.Reason {
		return
	}
	kind := corev1.EventTypeNormal
	if after.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	logf.FromContext(ctx).Info("delivery", "placement", p.obj.Name, "reason", after.Reason, "message", after.Message)
	p.recorder.Event(p.obj, kind, after.Reason, after.Message)
}

// event records something that happened. Messages name objects, never values.
func (p *deliveryPass) event(reason, message string) {
	p.recorder.Event(p.obj, corev1.EventTypeNormal, reason, message)
}

// warn records something that a person should look at.
func (p *deliveryPass) warn(reason, message string) {
	p.recorder.Event(p.obj, corev1.EventTypeWarning, reason, message)
}

func (p *deliveryPass) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(p.notes, text) {
		p.notes = append(p.notes, text)
	}
}

// requested is the value of the annotation that asks for a pass now.
func (p *deliveryPass) requested() string {
	value, _ := meta.ReconcileAnnotationValue(p.obj.GetAnnotations())
	return value
}

func ready(d *v1alpha1.Delivery) bool { return conditions.IsTrue(d, meta.ReadyCondition) }
