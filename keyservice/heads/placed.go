package heads

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
)

// samples are clusters that stand for all with the same placements.
type samples struct {
	once  sync.Once
	names []string
}

func (h *Head) sampleClusters() []string {
	h.samples.once.Do(func() {
		for _, group := range h.Model.Groups() {
			h.samples.names = append(h.samples.names, group.Clusters[0])
		}
	})
	return h.samples.names
}

// PlacedAnywhere returns what the digests stand for on any cluster of the head.
func (h *Head) PlacedAnywhere(ctx context.Context, digests []string) (map[string][]grant.Candidate, error) {
	found, building := map[string][]grant.Candidate{}, ""
	for _, cluster := range h.sampleClusters() {
		x, err := h.indexes.get(ctx, cluster)
		if err != nil {
			return nil, fmt.Errorf("look for stubs on cluster %q: %w", cluster, err)
		}
		if len(x.Pending) > 0 {
			building = cluster
		}
		for _, digest := range digests {
			for _, c := range x.Stubs[digest] {
				if !slices.ContainsFunc(found[digest], func(f grant.Candidate) bool { return f.Placement == c.Placement && f.Object == c.Object }) {
					found[digest] = append(found[digest], c)
				}
			}
		}
	}
	for _, digest := range digests {
		if building != "" && len(found[digest]) == 0 {
			return nil, fmt.Errorf("look for stub %s on cluster %q: %w", digest, building, kustomize.ErrBuilding)
		}
	}
	return found, nil
}
