package recovery

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/fleetrepo"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/identity"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// Finder says which object a stub is.
type Finder struct {
	Repo *fleetrepo.Repo
	// For is the placement to look in; "" is all of them.
	For            string
	Warn, Progress func(format string, args ...any)

	index *identity.Index
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
		placements = []*v1alpha1.Placement{p}
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	index, err := identity.All(ctx, builder, f.Repo.Tree, placements, f.Progress)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(index.Failed)) {
		f.Warn("%v", index.Failed[name])
	}
	f.index = index
	return nil
}

// Uses returns the objects that the placements build from a stub.
func (f *Finder) Uses(file string) []identity.Use { return f.index.Uses[file] }

// Object returns the object that a stub's payloads are sealed for: one that a
// placement builds from it or, when none does and For is empty, the one that
// the stub names.
func (f *Finder) Object(file string, stub *v1alpha1.SealedManifest) (identity.Use, error) {
	candidates := identity.Distinct(f.Uses(file), stub.Spec.Scope)
	if len(candidates) == 0 {
		if f.For != "" {
			return identity.Use{}, fault.New("leave --for out to look through all placements", "placement %q does not build %s", f.For, file)
		}
		if stub.Metadata.Namespace == "" && stub.Spec.Scope != v1alpha1.ScopeFleet {
			return identity.Use{}, fault.New("mend or write the placement that builds it, so that it is known which object it becomes",
				"no placement builds %s, and it names no namespace", file)
		}
		candidates = []identity.Use{{Namespace: stub.Metadata.Namespace, Name: stub.Metadata.Name}}
	}
	for _, candidate := range candidates {
		sealed, err := sealedFor(f.Repo.Model.Fleet.Spec.ID, stub, candidate)
		if err != nil {
			return identity.Use{}, fmt.Errorf("%s: %w", file, err)
		}
		if sealed {
			return candidate, nil
		}
	}
	var names []string
	for _, candidate := range candidates {
		names = append(names, candidate.Namespace+"/"+candidate.Name)
	}
	return identity.Use{}, fault.New("it was moved or copied, or its fields were renamed: look at its history; what has a new name needs its values sealed again",
		"%s is sealed for another object than %s, which it becomes, or for other fields", file, strings.Join(names, " or "))
}

// sealedFor compares what every payload's header says it is bound to. It only
// picks between objects that Git makes of the stub: opening checks the header.
func sealedFor(fleet string, stub *v1alpha1.SealedManifest, object identity.Use) (bool, error) {
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
