package plan

import (
	"context"
	"slices"

	"github.com/bulla-dev/bulla/kustomize"
)

// consent is a revision between the two that fleet.yaml of the head consents to: what it
// left out goes on every cluster (controllers/fleetsync decides so).
type consent struct {
	revision string
	at       *resolving
}

// consents reads the revisions that count: one that the base has already was before
// what leaves now, and one that is no commit of this history is astray.
func (d *differ) consents(ctx context.Context, h History, b *kustomize.Builder) (all []consent) {
	if h == nil {
		return nil
	}
	base, head := d.base.Revision.Commit, d.head.Revision.Commit
	for _, c := range d.head.Model.Fleet.Spec.PruneConsents() {
		if c.Revision == base || !h.Follows(c.Revision, base) || !h.Follows(head, c.Revision) {
			continue
		}
		if side, err := h.Side(c.Revision); err == nil && len(side.Model.Problems) == 0 {
			all = append(all, consent{c.Revision, side.resolving(ctx, b, nil)})
		}
	}
	return all
}

// consented are the revisions by which each of some placements may leave a cluster, and
// how many of them have none.
func (d *differ) consented(cluster string, leaving []string) (revisions []string, guarded int) {
	for _, name := range leaving {
		i := slices.IndexFunc(d.consent(), func(c consent) bool {
			return c.at.Model.Clusters[cluster] != nil && !slices.Contains(c.at.Model.PlacedOn(cluster), name)
		})
		if i < 0 {
			guarded++
		} else {
			revisions = append(revisions, d.consent()[i].revision)
		}
	}
	slices.Sort(revisions)
	return slices.Compact(revisions), guarded
}

// consentedObjects is consented for objects of a placement that stays.
func (d *differ) consentedObjects(cluster string, leaving []ObjectChange) (revisions []string, guarded int) {
	for _, o := range leaving {
		i := slices.IndexFunc(d.consent(), func(c consent) bool {
			if c.at.Model.Clusters[cluster] == nil {
				return false
			}
			gone, _ := c.at.group(cluster).MayDelete(kustomize.ObjectID(o.Object))
			return gone
		})
		if i < 0 {
			guarded++
		} else {
			revisions = append(revisions, d.consent()[i].revision)
		}
	}
	slices.Sort(revisions)
	return slices.Compact(revisions), guarded
}
