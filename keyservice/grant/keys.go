package grant

import (
	"fmt"
	"maps"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// KeyProblems are the keys of clusters that are none, or that two clusters have: whoever
// holds such a key could answer for both. The files count all the same: one more
// file with its key must not be what takes a cluster out of the fleet.
//
// receives says whether an answer can be sealed to a cluster, as [Receives] does, which costs
// a good part of a millisecond: most changes have ten thousand clusters as they were.
func KeyProblems(at *model.Model, receives func(*api.Cluster) bool) (all []*api.ParseError) {
	holders := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(at.Clusters)) {
		spec := at.Clusters[name].Spec
		holders[spec.Identity] = append(holders[spec.Identity], name)
		holders[spec.Recipient] = append(holders[spec.Recipient], name)
	}
	for _, name := range slices.Sorted(maps.Keys(at.Clusters)) {
		cluster := at.Clusters[name]
		add := func(field, format string, args ...any) {
			all = append(all, &api.ParseError{File: at.Files[api.KindCluster+"/"+name], Field: "spec." + field,
				Problem: fmt.Sprintf(format, args...)})
		}
		if !receives(cluster) {
			add("recipient", "is not a cluster's age recipient; hint: it starts with age1pq1, and stands whole in the "+
				"status of the cluster's FleetSync")
		}
		for _, key := range [][2]string{{"identity", cluster.Spec.Identity}, {"recipient", cluster.Spec.Recipient}} {
			if with := holders[key[1]]; len(with) > 1 {
				other := with[0]
				if other == name {
					other = with[1]
				}
				add(key[0], "cluster %q has the same; hint: every cluster makes its own keys: was one restored from "+
					"the other's backup?", other)
			}
		}
	}
	return all
}
