package model

import (
	"maps"
	"slices"
	"strings"
)

// Group is clusters that have the same placements, each in the same variant. What a tree
// places on a cluster, and builds for it, is a function of those: ten thousand shops
// are one group. What is substituted differs within one.
type Group struct {
	// Key tells the group from others of the same model.
	Key string
	// Clusters are its members, sorted; the first stands for all.
	Clusters []string
}

// GroupOf is the key of the group that a cluster is in, "" for one that has nothing.
func (m *Model) GroupOf(cluster string) string {
	names := m.PlacedOn(cluster)
	for i, name := range names {
		if p, err := m.For(name, cluster); err != nil {
			names[i] += "\t" + err.Error()
		} else if p.Variant != "" {
			names[i] += "\t" + p.Variant
		}
	}
	return strings.Join(names, "\n")
}

// Groups are the clusters that have placements, by what they have, in the order of
// their first clusters.
func (m *Model) Groups() []Group {
	var groups []Group
	at := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(m.Clusters)) {
		key := m.GroupOf(name)
		if key == "" {
			continue
		}
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key], groups = i, append(groups, Group{Key: key})
		}
		groups[i].Clusters = append(groups[i].Clusters, name)
	}
	return groups
}
