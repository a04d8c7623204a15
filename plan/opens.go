package plan

import (
	"encoding/hex"
	"errors"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// value is one sealed field of one built object.
type value struct {
	placement string
	object    kustomize.ObjectID
	field     string
}

// opened is a value that a cluster opens: see [differ.sameValue].
type opened struct {
	// payload is its hash; "" of a reference, whose payloads are in a store.
	payload, stub string
	sealed        reference.Sealed
}

// shut is a value that is placed on a cluster and does not open there.
type shut struct {
	stub, problem string
	// lacks a lock for the cluster: the block has those of targets.
	lacks   bool
	targets []string
}

// access is what one side lets a cluster open of what it places there, and what not.
type access struct {
	opens map[value]opened
	shut  map[value]shut
}

// access decides as the key service does, but for what no tree says.
func (r *resolving) access(cluster string) access {
	a := access{opens: map[value]opened{}, shut: map[value]shut{}}
	on := r.on(cluster)
	if ok, _ := r.reaches(cluster); !ok || on == nil {
		return a
	}
	targets := grant.Targets(r.Model, cluster)
	for _, u := range on.unbound {
		for _, block := range u.Manifest.Spec.Blocks {
			for _, field := range block.Fields {
				a.shut[value{u.Placement, u.Object, field}] = shut{stub: u.Path, problem: u.problem}
			}
		}
	}
	for _, b := range on.bound {
		why := r.opens(targets, b)
		for _, stand := range b.stands {
			for _, block := range b.blocks {
				for _, field := range block.Block.Fields {
					v := value{stand.Placement, stand.Object, field}
					if why != nil {
						a.shut[v] = shut{stand.Path, shutProblem(why), errors.Is(why, grant.ErrNotLocked), lockTargets(block.Block)}
						continue
					}
					hash := block.Payload.Hash()
					a.opens[v] = opened{hex.EncodeToString(hash[:]), stand.Path, reference.Sealed{Stub: stand.Manifest}}
				}
			}
		}
	}
	r.opensStored(on, targets, a)
	return a
}

// opens says why a stub does not open for one of the targets; nil for one that does. It
// opens whole or not at all: one block without a lock keeps all of them shut.
func (r *resolving) opens(targets []string, b bound) error {
	for _, block := range b.blocks {
		lock, err := grant.LockOf(r.Model, targets, block.Block)
		if err != nil {
			return err
		}
		if _, err := sealing.Prepare(block.Context, block.Payload, lock.Lock, lock.Suite); err != nil {
			return err
		}
	}
	return nil
}

func shutProblem(err error) string {
	switch {
	case errors.Is(err, grant.ErrNotLocked):
		return "a block has no lock for the cluster or for a set that it is in"
	case errors.Is(err, grant.ErrKey):
		return "a block's lock is for a sealing key that the fleet opens nothing with"
	}
	return "a lock is damaged: " + err.Error()
}

// lockTargets are whom a block is locked to, sorted.
func lockTargets(b *api.Block) (targets []string) {
	for _, lock := range b.Locks {
		targets = append(targets, lock.Target)
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}
