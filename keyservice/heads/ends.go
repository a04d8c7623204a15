package heads

import (
	"context"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/kustomize"
)

// A target of a placement may end at a time. From then on the head counts as if the
// line were not there, for every decision alike: so the head itself is replaced, by
// what it says at that time, and nobody who decides has to think of clocks.

// inUse is the head in use, as of now; nil before the first. A clock that is set back
// brings nothing back that had ended, while this head is in use.
func (h *Heads) inUse() *Head {
	current := h.current.Load()
	if current == nil || current.ends.IsZero() || h.Now().Before(current.ends) {
		return current
	}
	next := h.asOf(current, h.Now())
	if h.current.CompareAndSwap(current, next) {
		h.Log.Info("a target's notAfter has passed", "head", next.Hash, "notAfter", current.ends)
		h.Accepted(next)
	}
	return h.current.Load()
}

// asOf is a head as of a time, with nothing built of it.
func (h *Heads) asOf(of *Head, now time.Time) *Head {
	at := &Head{Hash: of.Hash, Tree: of.Tree, Model: of.Model.At(now), Known: of.Known}
	at.ends, _ = at.Model.NextEnd()
	at.superseded.Store(of.superseded.Load())
	at.indexes.of, at.indexes.build = map[string]*pendingIndex{}, h.buildIndex(at)
	return at
}

// ended are the digests that only targets which have ended place on a cluster: for
// the reason of a refusal, and for nothing else.
func ended(ctx context.Context, of *Head, builder *kustomize.Builder, cluster string) map[string]bool {
	names := of.Model.EndedOn(cluster)
	if len(names) == 0 {
		return nil
	}
	digests := map[string]bool{}
	resolution := builder.ResolveSoon(ctx, of.Tree, of.Model.At(time.Time{}), cluster)
	for name, placed := range resolution.Placed {
		if placed.Build == nil || !slices.Contains(names, name) {
			continue
		}
		for _, object := range placed.Build.Objects {
			if object.Stub != nil {
				digests[object.Stub.Digest] = true
			}
		}
	}
	return digests
}
