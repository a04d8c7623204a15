package recovery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// Finder says which object a stub is.
type Finder struct {
	Repo *fleetrepo.Repo
	// For is the placement to look in; "" is all of them.
	For            string
	Warn, Progress func(format string, args ...any)

	index *built.Index
}

// Build builds the placements, once. One that fails is a warning: its stubs
// are not found.
func (f *Finder) Build(ctx context.Context) error {
	if f.index != nil {
		return nil
	}
	placements := slices.Collect(maps.Values(f.Repo.Model.Placements))
	if f.For != "" {
		p, ok := f.Repo.Model.Placements[f.For]
		if !ok {
			return fault.New("placements/ has them, a file each", "placement %q is not in the fleet", f.For)
		}
		placements = []*api.Placement{p}
	}
	tree, err := f.readable()
	if err != nil {
		return err
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	index, err := built.All(ctx, builder, tree, placements, f.Progress)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(index.Failed)) {
		f.Warn("%v", index.Failed[name])
	}
	f.index = index
	return nil
}

// readable is the tree without what stands in stubs that cannot be read: one
// damaged file must not keep the other stubs of its placement from being found.
func (f *Finder) readable() (*tree.Tree, error) {
	tree := f.Repo.Tree
	_, unreadable := model.Stubs(tree)
	for _, u := range unreadable {
		var err error
		if tree, err = tree.With(u.Path, []byte("# cannot be read\n")); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// MayBuild names a placement that does not build and may be one of a stub's.
func (f *Finder) MayBuild(file string) string {
	failed := slices.Sorted(maps.Keys(f.index.Failed))
	for _, name := range failed {
		for _, p := range f.Repo.Model.Placements[name].InVariants() {
			if strings.HasPrefix(file, p.Spec.Path+"/") {
				return name
			}
		}
	}
	if len(failed) > 0 {
		return failed[0] // a base lies anywhere
	}
	return ""
}

// Uses returns the objects that the placements build from a stub.
func (f *Finder) Uses(file string) []built.Use { return f.index.Uses[file] }

// Object returns the object that a stub's payloads are sealed for: one that a
// placement builds from it or, when none does and For is empty, the one that
// the stub names.
func (f *Finder) Object(file string, stub *api.SealedManifest) (built.Use, error) {
	objects, err := f.Objects(file, stub, built.Distinct(f.Uses(file), stub.Spec.Scope))
	if err != nil {
		return built.Use{}, err
	}
	return objects[0], nil
}

// Objects returns those of the candidates that a stub's payloads are sealed for, one at
// least. Without candidates it is the one that the stub names, where For is empty.
func (f *Finder) Objects(file string, stub *api.SealedManifest, candidates []built.Use) ([]built.Use, error) {
	if len(candidates) == 0 {
		if f.For != "" {
			return nil, fault.New("leave --for out to look through all placements",
				"placement %q does not build %s", f.For, file)
		}
		if stub.Metadata.Namespace == "" && stub.Spec.Scope != api.ScopeFleet {
			return nil, fault.New(
				"mend or write the placement that builds it, so that it is known which object it becomes",
				"no placement builds %s, and it names no namespace", file)
		}
		candidates = []built.Use{{Namespace: stub.Metadata.Namespace, Name: stub.Metadata.Name}}
	}
	var objects []built.Use
	for _, candidate := range candidates {
		sealed, err := sealedFor(f.Repo.Model.Fleet.Spec.ID, stub, candidate)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if sealed {
			objects = append(objects, candidate)
		}
	}
	if len(objects) > 0 {
		return objects, nil
	}
	var names []string
	for _, candidate := range candidates {
		names = append(names, candidate.Namespace+"/"+candidate.Name)
	}
	return nil, fault.New(
		"it was moved or copied, or its fields were renamed: look at its history; what has a new name needs its "+
			"values sealed again",
		"%s is sealed for another object than %s, which it becomes, or for other fields", file, strings.Join(names, " or "))
}

// sealedFor compares what every payload's header says it is bound to. It only
// picks between objects that Git makes of the stub: opening checks the header.
func sealedFor(fleet string, stub *api.SealedManifest, object built.Use) (bool, error) {
	for i, block := range stub.Spec.Blocks {
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			return false, fmt.Errorf("block %d: %w", i, err)
		}
		c, err := sealing.ContextOf(fleet, stub, i, object.Namespace, object.Name)
		if err != nil {
			return false, fmt.Errorf("block %d: %w", i, err)
		}
		if payload.ContextDigest() != c.Digest() {
			return false, nil
		}
	}
	return true, nil
}
