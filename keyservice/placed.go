package keyservice

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/bulla-dev/bulla/kustomize"
)

// samples are clusters that stand for all with the same placements.
type samples struct {
	once  sync.Once
	names []string
}

func (h *head) sampleClusters() []string {
	h.samples.once.Do(func() {
		for _, group := range h.model.Groups() {
			h.samples.names = append(h.samples.names, group.Clusters[0])
		}
	})
	return h.samples.names
}

// placedAnywhere returns what the digests stand for on any cluster of the head.
func (h *head) placedAnywhere(ctx context.Context, digests []string) (map[string][]candidate, error) {
	found, building := map[string][]candidate{}, ""
	for _, cluster := range h.sampleClusters() {
		x, err := h.indexes.get(ctx, cluster)
		if err != nil {
			return nil, fmt.Errorf("look for stubs on cluster %q: %w", cluster, err)
		}
		if len(x.pending) > 0 {
			building = cluster
		}
		for _, digest := range digests {
			for _, c := range x.stubs[digest] {
				if !slices.ContainsFunc(found[digest], func(f candidate) bool { return f.placement == c.placement && f.object == c.object }) {
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
