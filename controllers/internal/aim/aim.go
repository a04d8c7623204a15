// Package aim is what Git wants of one placement, object by object: of the build that
// is to stand, and of the one that stood.
package aim

import (
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/say"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// ID says which object is meant.
type ID = inventory.ID

// Aim is what Git wants of one placement at one snapshot: what every stage of a
// pass measures against.
type Aim struct {
	// Name is the placement's.
	Name     string
	Snapshot *view.Snapshot
	// Placed is nil when the snapshot does not place it.
	Placed *kustomize.Placed

	// Objects are what Git wants to stand, without those in conflict; Desired has the
	// same by id.
	Objects []apply.Object
	Desired map[ID]apply.Object
	// Definitions are the objects that define a kind.
	Definitions map[schema.GroupKind][]ID
}

// Prepare readies the objects of the build that the revision's one map gives to
// this placement: an object that two claim, nobody gets. own is the controller's
// namespace.
func (a *Aim) Prepare(d *v1alpha1.Delivery, builds *Builds, own string) error {
	a.Desired, a.Definitions = map[ID]apply.Object{}, map[schema.GroupKind][]ID{}
	if a.Placed == nil || a.Placed.Build == nil || d.Spec.Removed {
		return nil
	}
	objects, err := builds.prepare(a.Fleet(), a.Placed.Build)
	if err != nil {
		return loop.Failed(loop.Stall, meta.BuildFailedReason, err)
	}
	for _, o := range objects {
		if inOwnNamespace(o.ID, own) {
			return loop.Stalled(v1alpha1.ConflictReason,
				"%s: %q is the controller's own namespace, and no placement writes there", inventory.Describe(o.ID), own)
		}
		if owner, ok := a.Snapshot.Resolution.Owner(o.ID); ok && owner == a.Name {
			o.Force = a.Placed.Placement.Spec.Force
			a.Objects = append(a.Objects, o)
			a.Desired[o.ID] = o
			if kind, ok := o.Defines(); ok {
				a.Definitions[kind] = append(a.Definitions[kind], o.ID)
			}
		}
	}
	return nil
}

// Fleet is the fleet's id.
func (a *Aim) Fleet() string { return a.Snapshot.Fleet.Spec.ID }

// inOwnNamespace says whether an object is in the namespace that holds the
// cluster's keys, or is that namespace. A Pod there could mount them, and who
// has them opens what is locked to this cluster.
func inOwnNamespace(id ID, own string) bool {
	return id.Namespace == own || id.Group == "" && id.Kind == "Namespace" && id.Name == own
}

// Wants reports whether the build wants an object to stand.
func (a *Aim) Wants(id ID) bool {
	_, wanted := a.Desired[id]
	return wanted
}

// Reaches reports whether an object is one that the build wants, or stands where
// the placement may write. Of a placement that is gone nobody knows where that
// was: the proof has to do.
func (a *Aim) Reaches(id ID) bool {
	return a.Wants(id) || a.Placed == nil || a.MayStand(id)
}

// MayStand says whether the placement, as the head has it, may place an object:
// what it may no longer is not made again, though it stood.
func (a *Aim) MayStand(id ID) bool {
	namespaces := a.Placed.Placement.Spec.AllNamespaces()
	switch {
	case id.Namespace != "":
		return slices.Contains(namespaces, id.Namespace)
	case id.Group == "" && id.Kind == "Namespace" && slices.Contains(namespaces, id.Name):
		return true
	}
	allow := a.Placed.Placement.Spec.Allow
	kind := schema.GroupKind{Group: id.Group, Kind: id.Kind}
	return allow != nil && slices.Contains(allow.ClusterResources, kind.String())
}

// Conflicts is not nil when another placement claims an object of this one.
func (a *Aim) Conflicts() error {
	if len(a.Placed.Conflicts) == 0 {
		return nil
	}
	c := a.Placed.Conflicts[0]
	return loop.Stalled(v1alpha1.ConflictReason, "%s is claimed by %s too, and %s in all: nobody gets it",
		inventory.Describe(c.ID), say.List(c.With), plural.Of(len(a.Placed.Conflicts), "conflict"))
}

// Healable are the objects whose present form the inventory has: of the build that
// was applied last, and of the one that waits where the two are alike or an apply got
// so far. What the one before met on its way out is still its to make. An object that
// the head gives to another placement is that one's to heal. A sealed object that the
// head places nowhere is not brought back: Git took the grant away, and whoever deletes
// it by hand did so sooner.
func (a *Aim) Healable(inv inventory.Inventory, before []apply.Object) []apply.Object {
	var objects []apply.Object
	taken := map[ID]bool{}
	for i, o := range slices.Concat(a.Objects, before) {
		owner, owned := a.Snapshot.Resolution.Owner(o.ID)
		met := i >= len(a.Objects) && inv[o.ID].UID != "" && inv[o.ID].Applied == ""
		switch {
		case taken[o.ID], !stands(inv, o) && !met,
			owned && owner != a.Name, !owned && !a.MayStand(o.ID),
			!owned && o.Sealed() && a.Placed.Err == nil,
			o.Sealed() && inv[o.ID].MAC == "":
			continue
		}
		taken[o.ID] = true
		objects = append(objects, o)
	}
	return objects
}

// Gives says that the build has what does not stand here as it has it: something new, or
// something that changes. One that gives nothing takes away only. What an apply was cut
// short of, and what was adopted, counts as given: nobody knows how it stands.
func (a *Aim) Gives(inv inventory.Inventory) bool {
	return slices.ContainsFunc(a.Objects, func(o apply.Object) bool { return !stands(inv, o) })
}

// stands says that the inventory has an object in this very form.
func stands(inv inventory.Inventory, o apply.Object) bool {
	entry, known := inv[o.ID]
	return known && entry.Applied == o.Hash && entry.Content == o.Content
}

// SealedReads are the sealed Secrets of this placement that an object names.
func (a *Aim) SealedReads(o apply.Object) []ID {
	var reads []ID
	for _, ref := range o.Reads {
		id := apply.IDOf(ref, o.ID.Namespace)
		if secret, ok := a.Desired[id]; ok && secret.Sealed() {
			reads = append(reads, id)
		}
	}
	return reads
}
