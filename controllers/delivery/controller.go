package delivery

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/account"
	"github.com/bulla-dev/bulla/controllers/internal/adoption"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/record"
)

// Reconciler makes one placement so. A pass never blocks on health, on
// rollouts or on deletions: it looks, and comes back when something moved, so
// that one sick application holds no worker and a newer digest is taken up at
// once.
type Reconciler struct {
	options  Options
	client   client.Client // writes Deliveries; reads them from the cache
	reader   client.Reader // the API server itself
	desk     record.Desk
	writers  *account.Writers
	finder   discovery.DiscoveryInterface
	watcher  *drift.Watcher
	adopter  *adoption.Finder
	memories *memories
	queue    atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
	now      func() time.Time
}

// errQuiet ends a pass that has nothing to say: the status stays as it is.
var errQuiet = errors.New("nothing to do")

// Reconcile makes one pass. The status is written in one place, [pass.finish].
func (r *Reconciler) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	obj := &v1alpha1.Delivery{}
	// Not the cache: a pass on an inventory that is one write old could forget
	// an object.
	if err := r.reader.Get(ctx, request.NamespacedName, obj); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.memories.forget(request.Name)
			r.options.Reporter.Left(request.Name)
			(&lookout{watcher: r.watcher, memories: r.memories}).unwatch(ctx)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !obj.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	p := r.begin(obj)
	return p.finish(ctx, p.run(ctx))
}
