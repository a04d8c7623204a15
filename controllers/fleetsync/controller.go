package fleetsync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/patch"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// Reconciler follows the fleet repository. It is the only writer of
// the [view.Snapshots] and of Delivery specs. Each of its steps is a type with what
// that step remembers.
type Reconciler struct {
	Options

	enrolment  enrolment
	remote     remote
	acceptance acceptance
	delivering delivering

	failures loop.Backoff
	handled  string // the last reconcile request that was obeyed
	wake     chan event.GenericEvent
}

// New readies a Reconciler; [Reconciler.SetupWithManager] has it run.
func New(o Options) *Reconciler {
	r := &Reconciler{Options: o, wake: make(chan event.GenericEvent, 1)}
	r.enrolment = enrolment{Options: &r.Options}
	r.remote.Options, r.remote.enrolment = &r.Options, &r.enrolment
	r.acceptance = acceptance{Options: &r.Options, remote: &r.remote, enrolment: &r.enrolment}
	r.delivering = delivering{Options: &r.Options, remote: &r.remote}
	return r
}

// pass is what one reconciliation learns, step by step.
type pass struct {
	obj      *v1alpha1.FleetSync
	now      time.Time
	identity *unseal.Identity
	// head is the remote's.
	head string
	// next is that head, if it was not accepted before.
	next *follow.Head
	// rewrite is by which word in the audit log it follows the accepted head; nil for none.
	rewrite *v1alpha1.FollowedRewrite
	// damaged is set when the mirror was, and was fetched again: a snapshot of
	// the same head may lack a file.
	damaged  bool
	snapshot *view.Snapshot
	// moved is set when this pass stored the snapshot.
	moved bool
	// later is a failure that did not end the pass, and is its result all the same.
	later error
	// again is when the remote is asked again for a head that the key service told of
	// and that it does not show yet; 0 for not.
	again time.Duration
	// handled is the reconcile request that was obeyed last; failing, that the pass
	// before this one failed.
	handled string
	failing bool
}

// Reconcile makes one pass. It writes the status in one place, [finish].
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	obj := &v1alpha1.FleetSync{}
	if err := r.Client.Get(ctx, request.NamespacedName, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return ctrl.Result{}, r.gone(ctx)
		}
		return ctrl.Result{}, err
	}
	patcher := patch.NewSerialPatcher(obj, r.Client)
	if obj.Spec.Suspend {
		return ctrl.Result{}, r.suspended(ctx, obj, patcher)
	}
	p := &pass{obj: obj, now: r.now(), handled: r.handled, failing: r.failing(obj)}
	if err := r.begin(ctx, p, patcher); err != nil {
		return ctrl.Result{}, err
	}
	step := func(of func(context.Context, *pass) error) loop.Step {
		return func(ctx context.Context) error { return of(ctx, p) }
	}
	err := loop.Run(ctx, step(r.first), step(r.enrolment.identify), step(r.enrolment.enrol), step(r.remote.look),
		step(r.acceptance.accept), step(r.delivering.deliver))
	if err != nil && r.Snapshots.Load() == nil {
		r.acceptance.restore(ctx, p)
	}
	if err != nil {
		err = errors.Join(err, r.endMeanwhile(ctx, p))
	}
	return r.finish(ctx, p, patcher, errors.Join(err, p.later))
}

// failing says that the last pass did not succeed: the next one looks at the remote, or
// a tip that is refused would be called Succeeded because nobody looked.
func (r *Reconciler) failing(obj *v1alpha1.FleetSync) bool {
	return r.failures.Failing() || conditions.IsFalse(obj, meta.ReadyCondition)
}

// first holds back every FleetSync but the oldest: two of them would take turns
// in writing the same Deliveries.
func (r *Reconciler) first(ctx context.Context, p *pass) error {
	list := &v1alpha1.FleetSyncList{}
	if err := r.Client.List(ctx, list, client.InNamespace(r.Namespace)); err != nil {
		return fmt.Errorf("list fleetsyncs: %w", err)
	}
	for _, other := range list.Items {
		older := other.CreationTimestamp.Before(&p.obj.CreationTimestamp) ||
			other.CreationTimestamp.Equal(&p.obj.CreationTimestamp) && other.Name < p.obj.Name
		if other.UID != p.obj.UID && older {
			return loop.Stalled(v1alpha1.ConflictReason, "a cluster has one FleetSync, and %q is older", other.Name)
		}
	}
	return nil
}

// gone forgets the snapshot once no FleetSync is left: Deliveries then wait and
// nothing of theirs is touched.
func (r *Reconciler) gone(ctx context.Context) error {
	list := &v1alpha1.FleetSyncList{}
	if err := r.Client.List(ctx, list, client.InNamespace(r.Namespace)); err != nil {
		return fmt.Errorf("list fleetsyncs: %w", err)
	}
	if len(list.Items) == 0 && r.Snapshots.Load() != nil {
		r.Snapshots.Store(nil)
	}
	return nil
}

// Refetch asks for a look at the remote now. The unsealer calls it when the key
// service stands at another head. It never blocks.
func (r *Reconciler) Refetch() {
	r.remote.wanted.Store(true)
	select {
	case r.wake <- event.GenericEvent{Object: &v1alpha1.FleetSync{}}:
	default:
	}
}

// Noticed is told that the key service accepted another head than this cluster's: the
// remote is looked at now. What it shows counts, whatever the service said. It never
// blocks.
func (r *Reconciler) Noticed(head string) {
	r.remote.hint.set(head)
	r.Refetch()
}

// usersOf are the FleetSyncs whose Git credentials or join token are in a Secret:
// what somebody mends there is tried at once.
func (r *Reconciler) usersOf(ctx context.Context, secret client.Object) []reconcile.Request {
	list := &v1alpha1.FleetSyncList{}
	if secret.GetNamespace() != r.Namespace || r.Client.List(ctx, list, client.InNamespace(r.Namespace)) != nil {
		return nil
	}
	var requests []reconcile.Request
	for _, item := range list.Items {
		for _, ref := range []*meta.LocalObjectReference{item.Spec.SecretRef, item.Spec.ProxySecretRef,
			item.Spec.KeyService.JoinTokenSecretRef} {
			if ref != nil && ref.Name == secret.GetName() {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&item)})
			}
		}
	}
	return requests
}

// SetupWithManager registers the loop. It wakes for a changed spec or annotation
// of a FleetSync, for a Delivery whose spec somebody else wrote or that is gone,
// and for Refetch.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	every := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, _ client.Object) []reconcile.Request {
		list := &v1alpha1.FleetSyncList{}
		if err := r.Client.List(ctx, list, client.InNamespace(r.Namespace)); err != nil {
			return nil
		}
		var requests []reconcile.Request
		for _, item := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&item)})
		}
		return requests
	})
	foreign := predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
		},
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("fleetsync").
		For(&v1alpha1.FleetSync{}, builder.WithPredicates(
			predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&v1alpha1.Delivery{}, every, builder.WithPredicates(foreign)).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.usersOf),
			builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesRawSource(source.Channel(r.wake, every)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, RateLimiter: pace.Limiter()}).
		Complete(r)
}
