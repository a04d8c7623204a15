// Package stub says, of stubs that another deployer applied from the folder where their
// files lie, which Delivery stands for each. They open nothing: nothing here reads what
// they hold, and no decision asks for them.
package stub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// Reconciler writes the status of SealedManifests.
type Reconciler struct {
	// Client reads Deliveries, from the cache, and writes statuses.
	Client client.Client
	// Reader is the API server itself: a cache of stubs would hold all ciphertext of a
	// cluster in memory.
	Reader client.Reader
	// Namespace of the Deliveries.
	Namespace string
	Snapshots *view.Snapshots

	said said
}

// Reconcile writes the status of one stub, where it says something else.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	snapshot := r.Snapshots.Load()
	if snapshot == nil {
		return ctrl.Result{}, nil // the first snapshot wakes all
	}
	name, ready, err := r.stands(ctx, snapshot, request.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	known := Metadata()
	if err := r.Client.Get(ctx, request.NamespacedName, known); err != nil {
		r.said.forget(request.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.said.already(known, name, ready) {
		return ctrl.Result{}, nil
	}
	live := &v1alpha1.SealedManifest{}
	if err := r.Reader.Get(ctx, request.NamespacedName, live); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	says := ready
	was := live.Status.DeepCopy()
	ready.ObservedGeneration = live.Generation
	apimeta.SetStatusCondition(&live.Status.Conditions, ready)
	live.Status.Delivery, live.Status.ObservedGeneration = name, live.Generation
	if was.Delivery == name && was.ObservedGeneration == live.Generation &&
		slices.Equal(was.Conditions, live.Status.Conditions) {
		r.said.note(live, name, says)
		return ctrl.Result{}, nil
	}
	if err := r.write(ctx, live); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	r.said.note(live, name, says)
	return ctrl.Result{}, nil
}

// write sends the status, bound to the object that was read, whose version it moves on.
func (r *Reconciler) write(ctx context.Context, live *v1alpha1.SealedManifest) error {
	status := map[string]any{"observedGeneration": live.Status.ObservedGeneration,
		"conditions": live.Status.Conditions, "delivery": nil} // null takes away what no Delivery stands for any more
	if live.Status.Delivery != "" {
		status["delivery"] = live.Status.Delivery
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": live.UID, "resourceVersion": live.ResourceVersion}, "status": status,
	})
	if err != nil {
		return fmt.Errorf("write status of SealedManifest %s/%s: %w", live.Namespace, live.Name, err)
	}
	ref := &v1alpha1.SealedManifest{ObjectMeta: metav1.ObjectMeta{Namespace: live.Namespace, Name: live.Name}}
	err = r.Client.Status().Patch(ctx, ref, client.RawPatch(types.MergePatchType, body))
	if err == nil {
		live.ResourceVersion = ref.ResourceVersion
	}
	return err
}

// stands says which Delivery makes the Secret of this name, and how it fares. What its
// conditions say of other objects is not repeated: a Delivery lies in another namespace.
func (r *Reconciler) stands(ctx context.Context, snapshot *view.Snapshot, key types.NamespacedName) (
	name string, ready metav1.Condition, err error,
) {
	name, digest := sealer(snapshot, key)
	if name == "" {
		return "", condition(metav1.ConditionFalse, v1alpha1.NotPlacedReason,
			"no placement on this cluster makes Secret %s of a stub. This object opens nothing by itself; hint: list the "+
				"stub in a folder that a Placement of the fleet's repository builds, with this cluster among its targets",
			key.Name), nil
	}
	d := &v1alpha1.Delivery{}
	err = r.Client.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: name}, d)
	if client.IgnoreNotFound(err) != nil {
		return "", ready, fmt.Errorf("read Delivery %s: %w", name, err)
	}
	switch of := conditions.Get(d, meta.ReadyCondition); {
	case err != nil || of == nil || of.Status == metav1.ConditionUnknown || d.Spec.BuildDigest != digest:
		return name, condition(metav1.ConditionUnknown, meta.ProgressingReason,
			"Delivery %s makes Secret %s of it, and is at work", name, key.Name), nil
	case of.Status == metav1.ConditionTrue:
		return name, condition(metav1.ConditionTrue, meta.ReconciliationSucceededReason,
			"Delivery %s made Secret %s of its stub", name, key.Name), nil
	default:
		return name, condition(metav1.ConditionFalse, of.Reason,
			"Delivery %s makes Secret %s of it, and is not ready: %s", name, key.Name, of.Reason), nil
	}
}

// sealer is the placement that makes the Secret of a stub, "" for none, and what it
// builds. A Secret that is plain in Git is no stub's.
func sealer(snapshot *view.Snapshot, key types.NamespacedName) (name, digest string) {
	if snapshot.Resolution == nil {
		return "", ""
	}
	id := inventory.ID{Kind: workload.Secret, Namespace: key.Namespace, Name: key.Name}
	name, ok := snapshot.Resolution.Owner(id)
	placed := snapshot.Placed(name)
	if !ok || placed == nil || placed.Build == nil {
		return "", ""
	}
	for _, o := range placed.Build.Objects {
		if o.Stub != nil && o.ID() == id {
			return name, placed.Build.Digest
		}
	}
	return "", ""
}

func condition(status metav1.ConditionStatus, reason, format string, args ...any) metav1.Condition {
	return metav1.Condition{Type: meta.ReadyCondition, Status: status, Reason: reason,
		Message: fmt.Sprintf(format, args...)}
}
