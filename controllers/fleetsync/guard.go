package fleetsync

import (
	"context"
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// The guard over Deliveries.
//
// A Placement that leaves a cluster was removed in review, and that is the
// consent: one Delivery leaving goes at once, whatever its share, so a cluster
// of one or two Deliveries can be emptied one revision at a time. More than one
// leaving together, and more than the fleet's share (fleet.yaml
// spec.prune.maxShare) of what stands on the cluster, looks like an accident (a
// folder moved, a label changed, a branch reset) and waits: all of them stay
// until the FleetSync carries bulla.dev/consent=REVISION, or fleet.yaml consents to
// that revision for every cluster (spec.prune.consent).
//
// Consent to a revision covers what that revision's tree does not place here,
// of Deliveries told before it, also when the head has moved on since. It never
// covers a Delivery that was placed again afterwards, so a forgotten annotation
// opens nothing, and neither does a line that stays in fleet.yaml.
//
// Decommission is its own consent: somebody wrote it into this cluster's file.

// remove decides about the Deliveries that the snapshot does not place.
func (p *deliveryPlan) remove(s *view.Snapshot, cluster string, leaving []*v1alpha1.Delivery,
	consented func(*v1alpha1.Delivery) bool) {
	if own := s.Model.Clusters[cluster]; own == nil || !own.Spec.Decommission {
		if s.Resolution.HoldAllDeletes || unsure(s.Model) != "" {
			p.held = names(leaving)
			return
		}
		guarded := slices.DeleteFunc(slices.Clone(leaving), consented)
		if !s.Fleet.Spec.FewPlacements(len(guarded), p.total) {
			p.blocked = names(guarded)
			leaving = slices.DeleteFunc(leaving, func(d *v1alpha1.Delivery) bool { return !consented(d) })
		}
	}
	for _, d := range leaving {
		next := d.DeepCopy()
		next.Spec.Removed = true
		p.change(d, next, s.Revision)
	}
}

// unsure says why the model cannot tell what has left this cluster: a placement
// or a cluster set that cannot be read may still place it here.
func unsure(m *model.Model) string {
	for _, problem := range m.Problems {
		if problem.Kind != "Cluster" {
			return fmt.Sprintf("%s cannot be read: %v", problem.File, problem.Err)
		}
	}
	return ""
}

// covering is what the annotation and fleet.yaml consent to, as one snapshot has it.
type covering struct {
	snapshot   *view.Snapshot
	annotation string
	// placed is what each consented revision places here, by its hash.
	placed map[string][]string
	// inGit are those that fleet.yaml names; astray are others that it names, and that are
	// not in the history.
	inGit  consents
	astray []string
}

// covered reads the FleetSync's consent annotation, and what fleet.yaml consents to. The
// annotation was written for what is held now, and so covers targets that ended since; a
// line in fleet.yaml stays, and covers what its revision itself left out. A line that was
// forgotten costs an idle pass nothing.
func (r *delivering) covered(p *pass) covering {
	annotation := p.obj.Annotations[v1alpha1.ConsentAnnotation]
	if r.covering.snapshot == p.snapshot && r.covering.annotation == annotation {
		return r.covering
	}
	inGit := newConsents(r.remote.mirror, r.Builder, p.snapshot, p.obj.Spec.ClusterName)
	revisions, astray := inGit.revisions()
	c := covering{snapshot: p.snapshot, annotation: annotation, placed: map[string][]string{},
		inGit: inGit, astray: astray}
	for _, hash := range revisions {
		if _, read, ok := inGit.read(hash); ok {
			c.placed[hash] = read.PlacedOn(p.obj.Spec.ClusterName)
		}
	}
	if hash := hashOf(annotation); isBefore(r.remote.mirror, hash, p.snapshot.Head) {
		if _, read, err := r.remote.mirror.read(hash); err == nil {
			c.inGit.typed = hash
			c.placed[hash] = read.At(p.snapshot.Model.Now()).PlacedOn(p.obj.Spec.ClusterName)
		}
	}
	r.covering = c
	return c
}

// consented says whether a Delivery was told before a consented revision that does not
// place it here, and whose placement did not come back since.
func (r *delivering) consented(ctx context.Context, c covering) func(*v1alpha1.Delivery) bool {
	return func(d *v1alpha1.Delivery) bool {
		for hash, here := range c.placed {
			if !slices.Contains(here, d.Name) && isBefore(r.remote.mirror, hashOf(d.Spec.Revision), hash) &&
				!c.inGit.cameBack(ctx, hash, d.Name) {
				return true
			}
		}
		return false
	}
}

func names(deliveries []*v1alpha1.Delivery) []string {
	var out []string
	for _, d := range deliveries {
		out = append(out, d.Name)
	}
	return out
}
