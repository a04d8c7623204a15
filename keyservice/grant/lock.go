package grant

import (
	"errors"
	"slices"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing"
)

// Lock is the lock of a block to open, and the suite of its key.
type Lock struct {
	api.Lock

	Suite api.Suite
}

// Why no lock of a block opens for a cluster.
var (
	// ErrNotLocked: no lock names the cluster or a set that it is in.
	ErrNotLocked = errors.New("no lock names the cluster or a set that it is in")
	// ErrKey: one does, and the fleet opens with its key no more.
	ErrKey = errors.New("the fleet opens nothing with the lock's key")
)

// Targets are what a lock must name for a cluster, in order of preference: the cluster
// itself, then the sets that it is in.
func Targets(at *model.Model, cluster string) []string {
	targets := []string{sealing.Target{Kind: sealing.Cluster, Name: cluster}.String()}
	for _, set := range at.SetsOf(cluster) {
		targets = append(targets, sealing.Target{Kind: sealing.Set, Name: set}.String())
	}
	return targets
}

// Receives says whether an answer can be sealed to a cluster.
func Receives(cluster *api.Cluster) bool {
	_, err := age.ParseHybridRecipient(cluster.Spec.Recipient)
	return err == nil
}

// LockOf picks the lock of a block that opens for one of the targets: the first that has
// one, and only one whose key the fleet still opens with. The error is [ErrNotLocked] or
// [ErrKey].
func LockOf(at *model.Model, targets []string, block *api.Block) (Lock, error) {
	refused := ErrNotLocked
	for _, target := range targets {
		if lock, ok := UsableLock(at, block, target); ok {
			return lock, nil
		}
		if slices.ContainsFunc(block.Locks, func(l api.Lock) bool { return l.Target == target }) {
			refused = ErrKey
		}
	}
	return Lock{}, refused
}

// UsableLock prefers the Active key. The suite is the key record's: a lock has
// no say in it.
func UsableLock(at *model.Model, block *api.Block, target string) (Lock, bool) {
	for _, status := range []api.KeyStatus{api.KeyActive, api.KeySuperseded} {
		for _, lock := range block.Locks {
			key, known := at.Fleet.Spec.Key(lock.Key)
			if lock.Target == target && known && key.Status == status {
				return Lock{lock, key.Suite}, true
			}
		}
	}
	return Lock{}, false
}
