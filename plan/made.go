package plan

import (
	"slices"

	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// What else changed in a file is no reason for a grant. These ask what made the difference
// for one cluster.

// onOneSide says whether a placement comes to a cluster, or leaves it.
func (d *differ) onOneSide(placement, cluster string) bool {
	return d.base.places(placement, cluster) != d.head.places(placement, cluster)
}

// joins says whether a cluster comes into a set, or leaves it.
func (d *differ) joins(set, cluster string) bool {
	one := []string{cluster}
	return holdsAll(d.base.members(set), one) != holdsAll(d.head.members(set), one)
}

// relabelled says whether a cluster is in other sets, or gets other variants.
func (d *differ) relabelled(cluster string, placements []string) bool {
	return !slices.Equal(d.base.Model.SetsOf(cluster), d.head.Model.SetsOf(cluster)) ||
		slices.ContainsFunc(placements, func(name string) bool {
			return variantOn(d.base.Model, name, cluster) != variantOn(d.head.Model, name, cluster)
		})
}

// wouldOpen says whether a stub as it is in another tree has locks for a cluster of this
// one, and seals the field.
func (r *resolving) wouldOpen(other *resolving, path, cluster, field string) bool {
	data, err := other.Tree.ReadFile(path)
	if err != nil {
		return false
	}
	stub, err := built.ParseStub(path, data)
	if err != nil {
		return false
	}
	targets := grant.Targets(r.Model, cluster)
	if stub.Reference != nil {
		locked := reference.Sealed{Stub: stub.Manifest, Reference: stub.Reference}.Targets()
		return slices.Contains(stub.Reference.Spec.Fields, field) &&
			slices.ContainsFunc(targets, func(t string) bool { return slices.Contains(locked, t) })
	}
	seals := false
	for i := range stub.Manifest.Spec.Blocks {
		block := &stub.Manifest.Spec.Blocks[i]
		if _, err := grant.LockOf(r.Model, targets, block); err != nil {
			return false
		}
		seals = seals || slices.Contains(block.Fields, field)
	}
	return seals
}
