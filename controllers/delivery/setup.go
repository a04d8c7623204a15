package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"
	events "k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
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
	"github.com/bulla-dev/bulla/controllers/internal/account"
	"github.com/bulla-dev/bulla/controllers/internal/adoption"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/hold"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/controllers/view"
)

// Pacer says whose turn it is, see [Options.Pacer].
type Pacer = hold.Pacer

// Options is what the Delivery loop needs from the rest of the process.
type Options struct {
	// Namespace of the Deliveries: the controller's own.
	Namespace string
	// Snapshots holds what Git places here.
	Snapshots *view.Snapshots
	// Unsealer gives secret values.
	Unsealer unseal.Unsealer
	// MACKey gives the per-cluster key under which live Secrets are compared:
	// 32 bytes, the same as long as the cluster lives.
	MACKey func(context.Context) ([]byte, error)
	// Pacer gives who says whose turn it is; what it gives, and itself, may be nil for
	// nobody, and then no placement with a rollout takes anything new.
	Pacer func() Pacer
	// Reporter tells the key service's ledger what stands; nil for nobody.
	Reporter *report.Reporter
	// Recorder records events. Default: the manager's.
	Recorder events.EventRecorder
	// DefaultServiceAccount applies, in its own first namespace, a Placement that
	// names no account. Without one such a Placement is refused.
	DefaultServiceAccount string
	// ApplyAsController applies it with the controller's own rights instead.
	ApplyAsController bool
	// Concurrency is how many Deliveries work at once. Default 4.
	Concurrency int

	// now is the clock of tests.
	now func() time.Time
	// wrap wraps every client that writes, for tests that cut a pass short.
	wrap func(client.Client) client.Client
	// inline is the [record.Desk]'s, for tests whose inventories are large soon.
	inline int
}

func (o Options) validate() error {
	switch {
	case o.Namespace == "":
		return errors.New("no namespace")
	case o.Snapshots == nil:
		return errors.New("no snapshots")
	case o.Unsealer == nil:
		return errors.New("no unsealer")
	case o.MACKey == nil:
		return errors.New("no MAC key")
	}
	return nil
}

// Setup adds the Delivery loop and its metadata-only watches to mgr.
func Setup(mgr ctrl.Manager, o Options) error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("set up delivery: %w", err)
	}
	if o.Recorder == nil {
		o.Recorder = mgr.GetEventRecorderFor(own.FieldManager) //nolint:staticcheck // fluxcd/pkg/runtime's recorder is of this interface
	}
	r, err := newDeliveryReconciler(mgr, o)
	if err != nil {
		return fmt.Errorf("set up delivery: %w", err)
	}
	if err := mgr.Add(r.watcher); err != nil {
		return fmt.Errorf("set up delivery: %w", err)
	}
	o.Snapshots.OnStore(r.onStore)
	if u, ok := o.Unsealer.(interface {
		Wakes(wake func(delivery string))
	}); ok {
		u.Wakes(r.enqueue)
	}
	return r.register(mgr, cmp.Or(o.Concurrency, 4))
}

func newDeliveryReconciler(mgr ctrl.Manager, o Options) (*Reconciler, error) {
	finder, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	own := mgr.GetClient()
	if o.wrap != nil {
		own = o.wrap(own)
	}
	if o.now == nil {
		o.now = time.Now
	}
	if current := o.Pacer; current != nil {
		sparing := &hold.Sparing{Now: time.Now}
		o.Pacer = func() Pacer { return sparing.Of(current()) }
	}
	r := &Reconciler{
		options: o, client: own, reader: mgr.GetAPIReader(), finder: finder, now: o.now, memories: &memories{},
		desk: record.Desk{Client: own, Reader: mgr.GetAPIReader(), Events: say.Recorder{EventRecorder: o.Recorder},
			Inline: o.inline},
		writers: &account.Writers{Config: mgr.GetConfig(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
			Wrap: o.wrap},
		adopter: &adoption.Finder{Namespace: o.Namespace, Deliveries: mgr.GetClient(), Reader: mgr.GetAPIReader(),
			Kinds: finder},
	}
	r.watcher, err = drift.New(mgr.GetConfig(), mgr.GetScheme(), mgr.GetRESTMapper(), r.onEvent)
	return r, err
}

func (r *Reconciler) register(mgr ctrl.Manager, concurrency int) error {
	queue := source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		r.queue.Store(&q)
		return nil
	})
	err := ctrl.NewControllerManagedBy(mgr).
		Named("delivery").
		For(&v1alpha1.Delivery{}, builder.WithPredicates(
			predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))).
		Watches(&v1alpha1.Delivery{}, handler.EnqueueRequestsFromMapFunc(r.dependents),
			builder.WithPredicates(becameReady())).
		WatchesRawSource(queue).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency, RateLimiter: pace.Limiter()}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up delivery: %w", err)
	}
	return nil
}

// enqueue wakes a Delivery. Before the loop starts there is nothing to wake: it
// begins with all of them.
func (r *Reconciler) enqueue(name string) {
	if q := r.queue.Load(); q != nil {
		(*q).Add(reconcile.Request{NamespacedName: client.ObjectKey{Namespace: r.options.Namespace, Name: name}})
	}
}

// onStore wakes the Deliveries that a new snapshot reaches without a write:
// those whose placement stands differently, those that are not settled (what
// held them may be mended), and all of them after a start.
func (r *Reconciler) onStore(previous, next *view.Snapshot) {
	r.memories.give(previous, next)
	for _, name := range view.ChangedPlacements(previous, next) {
		r.enqueue(name)
	}
	for name, m := range r.memories.all() {
		if previous == nil || m.sight.Unsettled() {
			r.enqueue(name)
		}
	}
}

// onEvent wakes the Delivery of an object that somebody else changed.
func (r *Reconciler) onEvent(e drift.Event) {
	if m, ok := r.memories.find(e.Placement); ok && m.sight.IsNews(e) {
		r.enqueue(e.Placement)
	}
}

// dependents are the placements that wait for this one.
func (r *Reconciler) dependents(_ context.Context, d client.Object) []reconcile.Request {
	snapshot := r.options.Snapshots.Load()
	if snapshot == nil || snapshot.Resolution == nil {
		return nil
	}
	var requests []reconcile.Request
	for name, placed := range snapshot.Resolution.Placed {
		for _, dependency := range placed.Placement.Spec.DependsOn {
			if dependency.Name == d.GetName() {
				key := client.ObjectKey{Namespace: d.GetNamespace(), Name: name}
				requests = append(requests, reconcile.Request{NamespacedName: key})
			}
		}
	}
	return requests
}

// becameReady passes Deliveries that turn Ready, or stand Ready at a new digest.
func becameReady() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok1 := e.ObjectOld.(*v1alpha1.Delivery)
			after, ok2 := e.ObjectNew.(*v1alpha1.Delivery)
			return ok1 && ok2 && ready(after) && (!ready(before) ||
				before.Status.AppliedBuildDigest != after.Status.AppliedBuildDigest ||
				before.Status.ObservedGeneration != after.Status.ObservedGeneration)
		},
	}
}
