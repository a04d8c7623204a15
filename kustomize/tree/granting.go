package tree

import "slices"

// FleetFile is where the fleet's root of trust stands.
const FleetFile = "fleet.yaml"

// Folders of a fleet repository whose files say who gets what. What stands anywhere
// else (apps/) is content, and grants nothing by itself.
const (
	Clusters    = "clusters"
	ClusterSets = "clustersets"
	Placements  = "placements"
)

// IsGranting reports whether an entry of the root says who gets what.
func IsGranting(name string) bool {
	return slices.Contains([]string{FleetFile, Clusters, ClusterSets, Placements}, name)
}
