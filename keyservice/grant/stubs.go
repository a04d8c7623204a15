package grant

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// Candidate is one built object that a stub digest stands for.
type Candidate struct {
	Placement string
	Object    kustomize.ObjectID
	Manifest  *api.SealedManifest
	// Reference is what the tree has of a stub that is in a store: see [Take]. All
	// candidates of a digest have the same, or none has one.
	Reference *api.SealedReference
	// Path of the stub's file in the tree.
	Path string
}

// Stubs are those of a set of placements, by digest. They are the same for all clusters
// of a group, and read-only.
type Stubs struct {
	ByDigest map[string][]Candidate
	// Undecided are digests of objects that a placement whose build is under way may
	// claim too, and Pending are those placements: what is not in ByDigest may still
	// come.
	Undecided map[string]bool
	Pending   []string
	// Failed says that a placement did not build.
	Failed bool
	// Broken are the placements that grant nothing, and why, for people.
	Broken map[string]string
}

// Of are the stubs of what is placed on a cluster.
func Of(resolution *kustomize.Resolution) *Stubs {
	s := &Stubs{
		ByDigest: map[string][]Candidate{}, Undecided: map[string]bool{}, Broken: map[string]string{},
		Pending: resolution.Building(),
	}
	for _, name := range slices.Sorted(maps.Keys(resolution.Placed)) {
		s.add(name, resolution)
	}
	return s
}

// clashes says of an object that several placements claim.
func clashes(c kustomize.Conflict) string {
	return fmt.Sprintf("%s %s/%s is claimed by %s too", c.ID.Kind, c.ID.Namespace, c.ID.Name, strings.Join(c.With, ", "))
}

// add takes the stubs of one placement: none of a placement that does not build
// or that claims another's object, and none but those the map of objects gives
// to it.
func (s *Stubs) add(name string, resolution *kustomize.Resolution) {
	placed := resolution.Placed[name]
	if placed.Err != nil {
		s.Failed, s.Broken[name] = true, placed.Err.Error()
		return
	}
	if len(placed.Conflicts) > 0 {
		s.Broken[name] = clashes(placed.Conflicts[0])
		return
	}
	for _, object := range placed.Build.Objects {
		owner, ok := resolution.Owner(object.ID())
		if object.Stub == nil || !ok || owner != name {
			continue
		}
		digest := object.Stub.Digest
		if len(s.Pending) > 0 && resolution.Undecided(object.ID()) {
			s.Undecided[digest] = true
			continue
		}
		s.ByDigest[digest] = append(s.ByDigest[digest],
			Candidate{Placement: name, Object: object.ID(), Manifest: object.Stub.Manifest,
				Reference: object.Stub.Reference, Path: object.Stub.Path})
	}
}
