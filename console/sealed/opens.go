package sealed

import (
	"errors"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// Opens is what the tree grants one cluster of one object.
type Opens struct {
	// Why not; "" where it may open it. A cluster that left, or a key service that an
	// operator told to deny it, is not in the tree.
	Why string
	// Via are the lock targets by which it may, Keys the sealing keys. Of a reference whose
	// stub nobody could take from the store the keys are not known.
	Via, Keys []string
}

// Kept takes the stub of a reference from the key service's store; nil where it cannot be
// had.
type Kept func(path string, r *api.SealedReference) *api.SealedManifest

// For says what a cluster may open of a part that is placed there, as the key service
// decides from the tree.
func (p Part) For(m *model.Model, cluster string, manifest *api.SealedManifest) Opens {
	file, ok := m.Clusters[cluster]
	switch {
	case !ok:
		return Opens{Why: "the cluster is not in the fleet"}
	case file.Spec.Suspend:
		return Opens{Why: "the cluster is suspended in Git: nothing is unsealed for it"}
	}
	targets := grant.Targets(m, cluster)
	if manifest == nil {
		return p.stored(targets)
	}
	var opens Opens
	for i := range manifest.Spec.Blocks {
		block := &manifest.Spec.Blocks[i]
		lock, err := grant.LockOf(m, targets, block)
		switch {
		case errors.Is(err, grant.ErrNotLocked):
			return Opens{Why: "no lock names the cluster or a set that it is in: " + strings.Join(block.Fields, ", ") +
				" is locked for others"}
		case err != nil:
			return Opens{Why: "the fleet opens nothing any more with the key of its lock"}
		}
		opens.Via, opens.Keys = with(opens.Via, lock.Target), with(opens.Keys, lock.Key)
	}
	return opens
}

// stored decides by what a reference says of its locks.
func (p Part) stored(targets []string) Opens {
	for _, target := range targets {
		if p.Reference != nil && slices.Contains(p.Reference.Spec.Targets, target) {
			return Opens{Via: []string{target}}
		}
	}
	return Opens{Why: "no lock names the cluster or a set that it is in"}
}

func with(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

// Blocks are the part's blocks: its own, or those of the stub that a reference names.
func (p Part) Blocks(kept Kept) *api.SealedManifest {
	if p.Reference == nil {
		return p.Manifest
	}
	if kept == nil {
		return nil
	}
	return kept(p.Path, p.Reference)
}
