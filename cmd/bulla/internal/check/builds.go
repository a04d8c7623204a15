package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/bulla-dev/bulla/kustomize"
)

// builds are those of all placements that build, and what is looked at in them.
type builds struct {
	*fleet
	builder *kustomize.Builder
	all     []*kustomize.Build
	// broken holds the folders of placements that do not build.
	broken map[string]bool
	stubs  *stubs
	files  *files
}

func newBuilds(f *fleet, builder *kustomize.Builder) *builds {
	return &builds{
		fleet: f, builder: builder, broken: map[string]bool{},
		stubs: &stubs{fleet: f, uses: map[string]*stubUse{}, deleted: map[string]bool{}},
		files: &files{fleet: f, read: map[string]bool{}, folders: map[string]bool{}},
	}
}

// cluster notes what one cluster gets. A failing placement is one finding,
// however many clusters it is on.
func (b *builds) cluster(r *kustomize.Resolution) {
	for name, placed := range r.Placed {
		if placed.Err != nil {
			b.fails(name, placed.Err)
			continue
		}
		for _, conflict := range placed.Conflicts {
			b.add(Finding{File: b.placementFile(name), Problem: fmt.Sprintf("%s is placed by %s too: neither gets it",
				describe(conflict.ID), strings.Join(conflict.With, ", "))})
		}
		b.note(placed.Build, r.Cluster)
	}
}

// placement checks what does not depend on the cluster, for placements that no
// cluster gets too.
func (b *builds) placement(ctx context.Context, name string) {
	build, err := b.builder.Build(ctx, b.tree, b.model.Placements[name])
	if err != nil {
		b.fails(name, err)
		return
	}
	b.note(build, "")
	b.files.note(build)
	objects{b.fleet}.admit(build)
	b.all = append(b.all, build)
}

func (b *builds) fails(placement string, err error) {
	b.add(fromError(b.placementFile(placement), Blame(b.tree, b.model, err))...)
	b.broken[b.model.Placements[placement].Spec.Path] = true
}

// note records what a build holds on a cluster; "" is no cluster.
func (b *builds) note(build *kustomize.Build, cluster string) {
	b.stubs.note(build, cluster)
	for _, o := range build.Objects {
		objects{b.fleet}.annotations(build, o)
	}
}
