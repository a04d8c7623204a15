package kustomize

import (
	"context"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// Resolution is what one tree places on one cluster. It is read-only.
type Resolution struct {
	Cluster string
	// Placed has every placement that targets the cluster, built or failed.
	Placed map[string]*Placed
	// Owners is the one map from object to placement. Objects that two
	// placements claim are not in it: see Conflicts.
	Owners map[ObjectID]string
	// Conflicts are the objects that more than one placement claims, with the
	// claimants sorted. Nobody gets them, and nobody may delete them.
	Conflicts map[ObjectID][]string
	// HoldAllDeletes is set when a file that could place something here cannot
	// be read: nothing may be deleted on this cluster. HoldReason says why.
	HoldAllDeletes bool
	HoldReason     string
	// HeldNamespaces are the namespaces of placements that fail to build, with
	// the placement's name; "" stands for cluster-scoped objects.
	HeldNamespaces map[string]string
}

// Placed is one placement on a cluster: Build or Err is set.
type Placed struct {
	Placement *v1alpha1.Placement
	Build     *Build
	Err       error
	// Conflicts are the objects of this placement that others claim too.
	Conflicts []Conflict
}

// Conflict is an object that another placement claims too.
type Conflict struct {
	ID ObjectID
	// With are the other placements, sorted.
	With []string
}

// Resolve builds everything placed on a cluster. It does not fail as a whole
// but for a cancelled context, which leaves an error in every [Placed].
func (b *Builder) Resolve(ctx context.Context, t *Tree, m *Model, cluster string) *Resolution {
	panic("not written yet")
}

// Owner returns the placement that may apply an object.
func (r *Resolution) Owner(id ObjectID) (placement string, ok bool) {
	placement, ok = r.Owners[id]
	return placement, ok
}

// MayDelete reports whether an object may be pruned at this resolution, and if
// not, why.
func (r *Resolution) MayDelete(id ObjectID) (ok bool, reason string) { panic("not written yet") }
