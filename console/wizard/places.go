package wizard

import (
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	lock "github.com/bulla-dev/bulla/sealing"
)

// Places are the clusters that an application is on, and where it can come.
type Places struct {
	Placement string
	// Reaches are the clusters that it is on, Targets what Git names for that.
	Reaches int
	Targets []string
	// Singly are clusters that it has by a set, and can leave one by one. Many says that
	// there are too many to be named.
	Singly []string
	Many   bool
	// Sets and Clusters are where it can come; More clusters are not offered.
	Sets, Clusters []string
	More           int
}

// mostOffered is how many clusters are offered to choose from.
const mostOffered = 500

// PlacesOf are those of an application that the fleet has.
func PlacesOf(s *clone.Snapshot, name string) Places {
	m := s.Model
	on := m.TargetsOf(name)
	b := Places{Placement: name, Reaches: len(on)}
	for _, t := range m.LiveTargets(name) {
		if t.ClusterName != "" {
			b.Targets = append(b.Targets, lock.Target{Kind: lock.Cluster, Name: t.ClusterName}.String())
		} else {
			b.Targets = append(b.Targets, lock.Target{Kind: lock.Set, Name: t.ClusterSet}.String())
		}
	}
	slices.Sort(b.Targets)
	named := func(kind lock.TargetKind, name string) bool {
		return slices.Contains(b.Targets, lock.Target{Kind: kind, Name: name}.String())
	}
	if b.Many = len(on) > draft.MostNamed+1; !b.Many && len(on) > 1 {
		for _, cluster := range on {
			if !named(lock.Cluster, cluster) {
				b.Singly = append(b.Singly, cluster)
			}
		}
	}
	for _, set := range slices.Sorted(maps.Keys(m.Sets)) {
		if !named(lock.Set, set) {
			b.Sets = append(b.Sets, set)
		}
	}
	for _, cluster := range slices.Sorted(maps.Keys(m.Clusters)) {
		switch {
		case slices.Contains(on, cluster), m.Clusters[cluster].Spec.Decommission:
		case len(b.Clusters) == mostOffered:
			b.More++
		default:
			b.Clusters = append(b.Clusters, cluster)
		}
	}
	return b
}
