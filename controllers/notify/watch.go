package notify

import (
	"context"
	"fmt"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// Watcher sees how Deliveries and FleetSyncs stand, and has each change sent. It is a
// manager's Runnable, of the leader only.
type Watcher struct {
	Cache   cache.Cache
	Senders []*Sender

	mu      sync.Mutex
	cluster string // by the FleetSync
	last    map[string]Notice
}

// Start watches until ctx ends. How things stand at the start is no news.
func (w *Watcher) Start(ctx context.Context) error {
	w.last = map[string]Notice{}
	for _, kind := range []client.Object{&v1alpha1.FleetSync{}, &v1alpha1.Delivery{}} {
		informer, err := w.Cache.GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("watch for notifications: %w", err)
		}
		seen, err := informer.AddEventHandler(toolscache.ResourceEventHandlerDetailedFuncs{
			AddFunc:    func(o any, initial bool) { w.see(o, initial) },
			UpdateFunc: func(_, o any) { w.see(o, false) },
			DeleteFunc: w.forget,
		})
		if err != nil {
			return fmt.Errorf("watch for notifications: %w", err)
		}
		defer func() { _ = informer.RemoveEventHandler(seen) }()
	}
	var senders sync.WaitGroup
	for _, s := range w.Senders {
		senders.Go(func() { s.run(ctx) })
	}
	senders.Wait()
	return nil
}

// see takes an object. It never blocks: the cache's other readers wait for it.
func (w *Watcher) see(o any, initial bool) {
	is, ok := o.(object)
	if !ok {
		return
	}
	now, settled := standing(is)
	w.mu.Lock()
	defer w.mu.Unlock()
	if sync, ok := o.(*v1alpha1.FleetSync); ok {
		w.cluster = sync.Spec.ClusterName
	}
	if !settled {
		return
	}
	now.Cluster = w.cluster
	key := now.Kind + " " + now.Namespace + "/" + now.Name
	before, known := w.last[key]
	w.last[key] = now
	if initial || known && !isNews(before, now) {
		return
	}
	for _, s := range w.Senders {
		s.offer(now)
	}
}

func (w *Watcher) forget(o any) {
	if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	if is, ok := o.(object); ok {
		if n, ok := standing(is); ok {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.last, n.Kind+" "+n.Namespace+"/"+n.Name)
		}
	}
}
