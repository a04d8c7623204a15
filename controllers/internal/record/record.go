// Package record is what a Delivery says of itself: its status, with the inventory
// in it or in parts beside it, and its events. Nothing is written over what another
// process wrote meanwhile.
package record

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/parts"
)

// Desk is where records are read and written. It is safe for concurrent use.
type Desk struct {
	// Client writes, with the controller's rights; Reader is the API server itself.
	Client client.Client
	Reader client.Reader
	// Events takes what happened; messages name objects, never values.
	Events record.EventRecorder
	// Inline is how much of a status an inventory may take, in bytes. Default
	// [inventory.MaxInline].
	Inline int
}

// Record is one Delivery's, for one pass. It is not safe for concurrent use.
type Record struct {
	// Obj is the Delivery as the pass makes it.
	Obj *v1alpha1.Delivery

	desk Desk
	// saved is the Delivery as the API server has it.
	saved *v1alpha1.Delivery
	// parts are what the status is to name beside itself.
	parts []parts.Part
	notes []string
}

// Open begins the record of a Delivery that was just read.
func (d Desk) Open(obj *v1alpha1.Delivery) *Record {
	return &Record{Obj: obj, desk: d, saved: obj.DeepCopy()}
}

// Saved is the Delivery as the API server has it, not to be changed.
func (r *Record) Saved() *v1alpha1.Delivery { return r.saved }

// Requested is the value of the annotation that asks for a pass now.
func (r *Record) Requested() string {
	value, _ := meta.ReconcileAnnotationValue(r.Obj.GetAnnotations())
	return value
}

// Save writes the status if it changed. The write is refused when another
// process wrote the status since it was read; a spec or an annotation written
// meanwhile does not count.
func (r *Record) Save(ctx context.Context) error {
	say.Conditions(r.Obj.Status.Conditions)
	if equality.Semantic.DeepEqual(r.Obj.Status, r.saved.Status) {
		return nil
	}
	if err := r.saveParts(ctx); err != nil {
		return err
	}
	before := r.saved.Status.InventoryParts
	for try := 0; ; try++ {
		next := r.saved.DeepCopy()
		r.Obj.Status.DeepCopyInto(&next.Status)
		locked := client.MergeFromWithOptions(r.saved, client.MergeFromWithOptimisticLock{})
		err := r.desk.Client.Status().Patch(ctx, next, locked, client.FieldOwner(own.FieldManager))
		if err == nil {
			r.saved = next
			return r.dropParts(ctx, before)
		}
		if !apierrors.IsConflict(err) || try > 3 {
			return fmt.Errorf("write status: %w", err)
		}
		live := &v1alpha1.Delivery{}
		if err := r.desk.Reader.Get(ctx, client.ObjectKeyFromObject(r.saved), live); err != nil {
			return fmt.Errorf("read status again: %w", err)
		}
		if live.UID != r.saved.UID || !equality.Semantic.DeepEqual(live.Status, r.saved.Status) {
			return fmt.Errorf("write status: somebody else did: %w", err)
		}
		r.saved = live
	}
}

// Unsaved says that the status could not be written: in an event, and in a status
// that differs from the one which stands in its conditions alone.
func (r *Record) Unsaved(ctx context.Context, err error) {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || ctx.Err() != nil {
		return // somebody else wrote, or it is gone: the next pass reads it anew
	}
	hint := "split the placement if it is too large"
	if apierrors.ReasonForError(err) == metav1.StatusReasonUnknown {
		hint = "the API server did not answer; it is tried again within minutes, and until then what stands goes on"
	}
	message := fmt.Sprintf("what this placement owns cannot be remembered, and nothing more is applied: %v; "+
		"hint: %s", say.Steady(err), hint)
	r.Warn(v1alpha1.StatusNotSavedReason, say.Short(message))
	r.Obj.Status = *r.saved.Status.DeepCopy()
	r.parts = nil
	// Of this generation: a status of the one before counts as work in progress.
	r.Obj.Status.ObservedGeneration = r.Obj.Generation
	conditions.Delete(r.Obj, meta.StalledCondition)
	conditions.MarkReconciling(r.Obj, meta.ProgressingWithRetryReason, "%s", message)
	conditions.MarkFalse(r.Obj, meta.ReadyCondition, v1alpha1.StatusNotSavedReason, "%s", message)
	_ = r.Save(ctx) // the event says it, if the API server takes nothing at all
}

// Remove deletes the Delivery. The delete carries the version that was saved last:
// a placement that came back meanwhile keeps it.
func (r *Record) Remove(ctx context.Context) error {
	uid, version := r.saved.UID, r.saved.ResourceVersion
	err := r.desk.Client.Delete(ctx, r.Obj, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete delivery: %w", err)
	}
	return nil
}

// Tell logs and records a change of the Ready condition's reason.
func (r *Record) Tell(ctx context.Context, before *metav1.Condition) {
	after := conditions.Get(r.Obj, meta.ReadyCondition)
	if after == nil || before != nil && before.Reason == after.Reason {
		return
	}
	kind := corev1.EventTypeNormal
	if after.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	logf.FromContext(ctx).Info("delivery", "placement", r.Obj.Name, "reason", after.Reason, "message", after.Message)
	r.desk.Events.Event(r.Obj, kind, after.Reason, after.Message)
}

// Event records something that happened.
func (r *Record) Event(reason, message string) {
	r.desk.Events.Event(r.Obj, corev1.EventTypeNormal, reason, message)
}

// Warn records something that a person should look at.
func (r *Record) Warn(reason, message string) {
	r.desk.Events.Event(r.Obj, corev1.EventTypeWarning, reason, message)
}

// EventOf records many names under one reason, every one of them, in as few events
// as hold them: a recorder that is given one for each drops most.
func (r *Record) EventOf(reason string, names []string) {
	const room = 1000 // of the 1,024 bytes of an event's message
	text := ""
	for _, name := range names {
		if text != "" && len(text)+len(name)+2 > room {
			r.Event(reason, text)
			text = ""
		}
		if text != "" {
			text += ", "
		}
		text += name
	}
	if text != "" {
		r.Event(reason, text)
	}
}

// Note keeps a remark for the Ready message of a success, once.
func (r *Record) Note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.notes, text) {
		r.notes = append(r.notes, text)
	}
}

// Notes are the remarks of this pass.
func (r *Record) Notes() []string { return r.notes }

// Missing reports whether a part of the inventory is gone, or holds something else.
// An API server that does not answer is another thing.
func (r *Record) Missing(err error) bool {
	return err != nil && len(r.Obj.Status.InventoryParts) > 0 &&
		(apierrors.IsNotFound(err) || errors.Is(err, parts.ErrDamaged))
}
