package model

import (
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// For is a placement as a cluster gets it: in the first variant that selects the
// cluster, or its own. It is an error where nobody can tell which that is: a set that
// cannot be read may have the cluster, and what a later variant builds would take the
// place of what runs.
//
// All who ask what a placement is on a cluster ask here: a key service that knew
// another variant than the controller would open another one's stubs.
func (m *Model) For(placement, cluster string) (*api.Placement, error) {
	p, ok := m.Placements[placement]
	if !ok {
		return nil, fmt.Errorf("placement %q is not in the fleet", placement)
	}
	if len(p.Spec.Variants) == 0 {
		return p, nil
	}
	c, ok := m.Clusters[cluster]
	if !ok {
		return nil, fmt.Errorf("cluster %q is not in the fleet", cluster)
	}
	sets := m.SetsOf(cluster)
	for i := range p.Spec.Variants {
		v := &p.Spec.Variants[i]
		if v.ClusterSet != "" && m.Sets[v.ClusterSet] == nil {
			return nil, fmt.Errorf("variant %q selects cluster set %q, which is not there or cannot be read: "+
				"nobody can tell which variant this cluster gets; hint: mend clustersets/%s.yaml, or take the variant out",
				v.Name, v.ClusterSet, v.ClusterSet)
		}
		if v.Selects(c, sets) {
			return p.As(v), nil
		}
	}
	return p.As(nil), nil
}

// Got are the clusters that get a placement in one variant, sorted; "" is its own. The
// variants are those of [api.Placement.InVariants].
func (m *Model) Got(placement, variant string) []string {
	return slices.DeleteFunc(m.TargetsOf(placement), func(cluster string) bool {
		p, err := m.For(placement, cluster)
		return err != nil || p.Variant != variant
	})
}
