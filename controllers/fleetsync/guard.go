package fleetsync

import (
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
)

// The guard over Deliveries.
//
// A Placement that leaves a cluster was removed in review, and that is the
// consent: one Delivery leaving goes at once, whatever its share, so a cluster
// of one or two Deliveries can be emptied one revision at a time. More than one
// leaving together, and more than the fleet's share (fleet.yaml
// spec.prune.maxShare) of what stands on the cluster, looks like an accident (a
// folder moved, a label changed, a branch reset) and waits: all of them stay
// until the FleetSync carries bulla.dev/consent=REVISION.
//
// Consent to a revision covers what that revision's tree does not place here,
// of Deliveries told before it, also when the head has moved on since. It never
// covers a Delivery that was placed again afterwards, so a forgotten annotation
// opens nothing.
//
// Decommission is its own consent: somebody wrote it into this cluster's file.

// remove decides about the Deliveries that the snapshot does not place.
func (p *deliveryPlan) remove(s *view.Snapshot, cluster string, leaving []*v1alpha1.Delivery,
	consented func(*v1alpha1.Delivery) bool) {
	if own := s.Model.Clusters[cluster]; own == nil || !own.Spec.Decommission {
		if s.Resolution.HoldAllDeletes || unsure(s) != "" {
			p.held = names(leaving)
			return
		}
		guarded := slices.DeleteFunc(slices.Clone(leaving), consented)
		if len(guarded) > 1 && len(guarded)*100 > s.Fleet.Spec.MaxShare()*p.total {
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
func unsure(s *view.Snapshot) string {
	for _, problem := range s.Model.Problems {
		if problem.Kind != "Cluster" {
			return fmt.Sprintf("%s cannot be read: %v", problem.File, problem.Err)
		}
	}
	return ""
}

// consented reads the FleetSync's consent annotation.
func (r *delivering) consented(p *pass) func(*v1alpha1.Delivery) bool {
	none := func(*v1alpha1.Delivery) bool { return false }
	hash := hashOf(p.obj.Annotations[v1alpha1.ConsentAnnotation])
	if hash == "" || !r.remote.mirror.Contains(hash) {
		return none
	}
	if ok, err := r.remote.mirror.Follows(p.snapshot.Head, hash); err != nil || !ok {
		return none
	}
	_, model, err := r.remote.mirror.read(hash)
	if err != nil {
		return none
	}
	placed := model.At(p.snapshot.Model.Now()).PlacedOn(p.obj.Spec.ClusterName)
	return func(d *v1alpha1.Delivery) bool {
		if slices.Contains(placed, d.Name) {
			return false
		}
		before, err := r.remote.mirror.Follows(hash, hashOf(d.Spec.Revision))
		return err == nil && before
	}
}

func names(deliveries []*v1alpha1.Delivery) []string {
	var out []string
	for _, d := range deliveries {
		out = append(out, d.Name)
	}
	return out
}
