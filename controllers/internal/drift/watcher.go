// Package drift watches what lives, by metadata only.
//
// One informer for each kind of any inventory, filtered to objects with the
// owner label, holding metadata alone: a cluster's Secrets are watched without
// one byte of their data in this process. What an informer holds answers most
// questions ("did anything happen to it?") without a request; only an object
// that changed is looked at, alone.
package drift

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// syncTimeout bounds the first list of a kind. A kind that cannot be listed
// cannot be watched, and that is an error: drift would go unseen.
const syncTimeout = 10 * time.Second

// Event says that an object of a placement changed or went.
type Event struct {
	Placement string
	ID        inventory.ID
	// ResourceVersion is "" when it went.
	ResourceVersion string
	// Progress is set when neither generation nor metadata changed: a status
	// moved. That is no drift, but somebody may wait for it.
	Progress bool
}

// Watcher holds the informers. It is safe for concurrent use. A nil one watches
// nothing: whoever asks it asks the API server.
type Watcher struct {
	cache  cache.Cache
	notify func(Event)

	mu    sync.Mutex
	kinds map[schema.GroupVersionKind]cache.Informer
}

// New makes a Watcher; notify must not block. Add it to the manager, or call
// Start.
func New(config *rest.Config, scheme *runtime.Scheme, mapper meta.RESTMapper, notify func(Event)) (*Watcher, error) {
	owned, err := labels.NewRequirement(v1alpha1.OwnerLabel, selection.Exists, nil)
	if err != nil {
		return nil, fmt.Errorf("watch owned objects: %w", err)
	}
	c, err := cache.New(config, cache.Options{
		Scheme: scheme, Mapper: mapper,
		DefaultLabelSelector: labels.NewSelector().Add(*owned),
		DefaultTransform:     namesOfManagers,
	})
	if err != nil {
		return nil, fmt.Errorf("watch owned objects: %w", err)
	}
	return &Watcher{cache: c, notify: notify, kinds: map[schema.GroupVersionKind]cache.Informer{}}, nil
}

// namesOfManagers keeps who manages fields of an object, and drops which: the
// names tell whether a person had a hand in it, the rest is most of the object.
func namesOfManagers(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil // a tombstone: what it holds was transformed before
	}
	entries := o.GetManagedFields()
	for i := range entries {
		entries[i].FieldsV1 = nil
	}
	o.SetManagedFields(entries)
	return in, nil
}

// Start runs the informers until ctx ends.
func (w *Watcher) Start(ctx context.Context) error { return w.cache.Start(ctx) }

// NeedLeaderElection is true: only the leader compares, so only the leader watches.
func (w *Watcher) NeedLeaderElection() bool { return true }

// Watch begins to watch a kind and waits for its first list. A kind that the
// API server does not serve is left alone: its CRD may come, or be gone.
func (w *Watcher) Watch(ctx context.Context, gvk schema.GroupVersionKind) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	informer, ok := w.kinds[gvk]
	w.mu.Unlock()
	if ok {
		if informer.IsStopped() {
			w.Unwatch(ctx, gvk)
		} else if informer.HasSynced() {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	informer, err := w.cache.GetInformer(ctx, object(gvk))
	switch {
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("watch %s: %w", gvk.GroupKind(), err)
	}
	// Before the cache is started GetInformer does not wait.
	if !toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("watch %s: %w", gvk.GroupKind(), ctx.Err())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kinds[gvk] == informer {
		return nil
	}
	if _, err := informer.AddEventHandler(w.handler(gvk)); err != nil {
		return fmt.Errorf("watch %s: %w", gvk.GroupKind(), err)
	}
	w.kinds[gvk] = informer
	return nil
}

// Unwatch stops watching a kind that no inventory holds any more.
func (w *Watcher) Unwatch(ctx context.Context, gvk schema.GroupVersionKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.kinds[gvk]; ok {
		delete(w.kinds, gvk)
		_ = w.cache.RemoveInformer(ctx, object(gvk)) // it fails only for a kind that it does not know
	}
}

// Kinds gives the watched kinds.
func (w *Watcher) Kinds() []schema.GroupVersionKind {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	kinds := make([]schema.GroupVersionKind, 0, len(w.kinds))
	for gvk := range w.kinds {
		kinds = append(kinds, gvk)
	}
	return kinds
}

// Get gives an object's metadata as last seen; known is false for a kind that
// is not watched, and live is nil for an object that does not carry the owner
// label. The view may be behind the API server: it can show that something
// happened, never that nothing will.
func (w *Watcher) Get(ctx context.Context, gvk schema.GroupVersionKind, id inventory.ID) (live *metav1.PartialObjectMetadata, known bool) {
	if w == nil {
		return nil, false
	}
	w.mu.Lock()
	informer, ok := w.kinds[gvk]
	w.mu.Unlock()
	if !ok || informer.IsStopped() || !informer.HasSynced() {
		return nil, false
	}
	live = object(gvk)
	err := w.cache.Get(ctx, client.ObjectKey{Namespace: id.Namespace, Name: id.Name}, live)
	switch {
	case apierrors.IsNotFound(err):
		return nil, true
	case err != nil:
		return nil, false
	}
	return live, true
}

func object(gvk schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(gvk)
	return o
}

func (w *Watcher) handler(gvk schema.GroupVersionKind) toolscache.ResourceEventHandler {
	send := func(o *metav1.PartialObjectMetadata, version string, progress bool) {
		w.notify(Event{
			Placement:       o.Labels[v1alpha1.OwnerLabel],
			ID:              inventory.ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: o.Namespace, Name: o.Name},
			ResourceVersion: version, Progress: progress,
		})
	}
	return toolscache.ResourceEventHandlerDetailedFuncs{
		// Objects of the first list count too: they may have changed between
		// their apply and the watch of a kind that was just defined.
		AddFunc: func(added any, _ bool) {
			if o, ok := added.(*metav1.PartialObjectMetadata); ok {
				send(o, o.ResourceVersion, false)
			}
		},
		UpdateFunc: func(before, after any) {
			was, ok1 := before.(*metav1.PartialObjectMetadata)
			is, ok2 := after.(*metav1.PartialObjectMetadata)
			if !ok1 || !ok2 || was.ResourceVersion == is.ResourceVersion {
				return
			}
			send(is, is.ResourceVersion, progressOnly(was, is))
			if was.Labels[v1alpha1.OwnerLabel] != is.Labels[v1alpha1.OwnerLabel] {
				send(was, "", false)
			}
		},
		DeleteFunc: func(deleted any) {
			if unknown, ok := deleted.(toolscache.DeletedFinalStateUnknown); ok {
				deleted = unknown.Obj
			}
			if o, ok := deleted.(*metav1.PartialObjectMetadata); ok {
				send(o, "", false)
			}
		},
	}
}

// progressOnly reports whether an update moved nothing that an apply sets: only
// kinds with a generation can tell.
func progressOnly(was, is *metav1.PartialObjectMetadata) bool {
	return is.Generation != 0 && was.Generation == is.Generation && was.UID == is.UID &&
		(was.DeletionTimestamp == nil) == (is.DeletionTimestamp == nil) &&
		equality.Semantic.DeepEqual(was.Labels, is.Labels) &&
		equality.Semantic.DeepEqual(was.Annotations, is.Annotations)
}
