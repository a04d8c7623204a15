package stub

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/view"
)

// kind is what the watches are of.
var kind = v1alpha1.GroupVersion.WithKind("SealedManifest")

// Metadata is a SealedManifest without what it holds, as the cache keeps it.
func Metadata() *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(kind)
	return m
}

// Setup adds the loop to mgr. A cluster without the CRD has no such objects, and needs
// none: who upgraded the controller alone is told, and everything else works.
func Setup(mgr ctrl.Manager, r *Reconciler) error {
	switch err := served(mgr.GetRESTMapper()); {
	case meta.IsNoMatchError(err):
		mgr.GetLogger().Info("no CRD for SealedManifest: stubs that others apply get no status",
			"hint", "upgrade the chart with crds.install=true")
		return nil
	case err != nil:
		return fmt.Errorf("set up stubs: %w", err)
	}
	stored := make(chan event.GenericEvent, 1)
	r.Snapshots.OnStore(func(_, _ *view.Snapshot) {
		select {
		case stored <- event.GenericEvent{Object: &v1alpha1.Delivery{}}:
		default: // one that waits wakes all anyway
		}
	})
	err := ctrl.NewControllerManagedBy(mgr).Named("sealedmanifest").
		For(&v1alpha1.SealedManifest{}, builder.OnlyMetadata, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Delivery{}, handler.EnqueueRequestsFromMapFunc(r.of)).
		WatchesRawSource(source.Channel(stored, handler.EnqueueRequestsFromMapFunc(r.of))).
		WithOptions(controller.Options{RateLimiter: pace.Limiter()}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up stubs: %w", err)
	}
	return nil
}

// patience is for a CRD that was established a moment ago, as the chart's are when the
// controller starts with them: discovery has it a little later.
const patience = 5 * time.Second

// served waits a moment for the kind to be served.
func served(mapper meta.RESTMapper) error {
	var last error
	_ = wait.PollUntilContextTimeout(context.Background(), patience/10, patience, true,
		func(context.Context) (bool, error) {
			_, last = mapper.RESTMapping(kind.GroupKind(), kind.Version)
			return !meta.IsNoMatchError(last), nil
		})
	return last
}

// of are the stubs that a Delivery may stand for; of one without a name, all.
func (r *Reconciler) of(ctx context.Context, d client.Object) []reconcile.Request {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := r.Client.List(ctx, list); err != nil {
		logf.FromContext(ctx).Error(err, "stubs that others applied are not listed")
		return nil
	}
	snapshot := r.Snapshots.Load()
	if snapshot == nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		key := client.ObjectKeyFromObject(&list.Items[i])
		if name, _ := sealer(snapshot, key); d.GetName() == "" || name == d.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
	}
	return requests
}
