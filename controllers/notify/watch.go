// Package notify tells people and their tools how this cluster's deliveries fare, by the
// senders of the notify above: what the Ready conditions say, and nothing else.
//
// What it sends to is the operator's word alone, in a file: nothing in Git or in a
// cluster's objects adds a receiver.
package notify

import (
	"context"
	"fmt"
	"sync"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/notify"
)

// Sender brings notices to one receiver; *notify.Sender is the one there is.
type Sender interface {
	Offer(n notify.Notice)
	Run(ctx context.Context)
}

// Watcher sees how Deliveries and FleetSyncs stand, and has each change sent. It is a
// manager's Runnable, of the leader only.
type Watcher struct {
	Cache   cache.Cache
	Senders []Sender

	mu      sync.Mutex
	cluster string // by the FleetSync
	last    map[string]notify.Notice
}

// Start watches until ctx ends. How things stand at the start is no news.
func (w *Watcher) Start(ctx context.Context) error {
	w.last = map[string]notify.Notice{}
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
		senders.Go(func() { s.Run(ctx) })
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
	if initial || known && !notify.IsNews(before, now) {
		return
	}
	for _, s := range w.Senders {
		s.Offer(now)
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
