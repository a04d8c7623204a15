package delivery

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
)

// lookout watches the kinds of one pass.
type lookout struct {
	watcher  *drift.Watcher
	memories *memories
	// blind are kinds that cannot be watched.
	blind map[schema.GroupVersionKind]error
}

// watch watches the kinds of the inventory and of the build, and no longer those
// of nobody: the informer of a kind whose CRD is gone would ask for ever. A kind
// that cannot be watched is told at the end: it keeps nothing else.
func (l *lookout) watch(ctx context.Context, stand *stand, aim *aim.Aim) {
	kinds := stand.inv.Kinds()
	for _, o := range aim.Objects {
		kinds = append(kinds, o.Manifest.GroupVersionKind())
	}
	stand.sight.Look(kinds)
	for _, gvk := range kinds {
		if l.blind[gvk] != nil {
			continue // it takes long to find out
		}
		if err := l.watcher.Watch(ctx, gvk); err != nil {
			if l.blind == nil {
				l.blind = map[schema.GroupVersionKind]error{}
			}
			l.blind[gvk] = err
		}
	}
	l.unwatch(ctx)
}

func (l *lookout) unwatch(ctx context.Context) {
	used := l.memories.kinds()
	for _, gvk := range l.watcher.Kinds() {
		if !used[gvk] {
			l.watcher.Unwatch(ctx, gvk)
		}
	}
}
