package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
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
		files: &files{fleet: f, read: map[string]bool{}, folders: map[string]bool{}, stubs: map[string]bool{}},
	}
}

// cluster notes what one cluster gets. A failing placement is one finding,
// however many clusters it is on.
func (b *builds) cluster(r *kustomize.Resolution) {
	for name, placed := range r.Placed {
		if placed.Err != nil {
			if _, err := b.model.For(name, r.Cluster); err == nil {
				b.fails(name, placed.Err)
			} else { // a variant's set cannot be read, which is a finding of its own, where that is written
				b.breaks(name, placed.Err)
			}
			continue
		}
		for _, conflict := range placed.Conflicts {
			b.add(Finding{File: b.placementFile(name), Problem: fmt.Sprintf("%s is placed by %s too: neither gets it",
				describe(conflict.ID), strings.Join(conflict.With, ", "))})
		}
		b.note(placed.Build, r.Cluster)
	}
}

// placement checks what does not depend on the cluster, for placements and variants
// that no cluster gets too.
func (b *builds) placement(ctx context.Context, name string) {
	for _, p := range b.model.Placements[name].InVariants() {
		build, err := b.builder.Build(ctx, b.tree, p)
		if err != nil {
			b.fails(name, err)
			continue
		}
		b.note(build, "")
		b.files.note(build, p.Spec.Path)
		if !slices.Contains(b.all, build) { // variants share what they build alike
			b.all = append(b.all, build)
		}
		if build = b.valued(ctx, p, build); build != nil {
			objects{b.fleet}.admit(build)
		}
	}
}

// valued is a build as some cluster has it, for what only whole texts can be checked
// for; nil when none has it. What its own values have wrong was found there.
func (b *builds) valued(ctx context.Context, p *api.Placement, build *kustomize.Build) *kustomize.Build {
	if !p.Substitutes() {
		return build
	}
	clusters := b.model.Got(p.Metadata.Name, p.Variant)
	if len(clusters) == 0 {
		return nil
	}
	return b.builder.On(ctx, b.tree, b.model, p.Metadata.Name, clusters[0]).Build
}

func (b *builds) fails(placement string, err error) {
	b.add(fromError(b.placementFile(placement), Blame(b.tree, b.model, err))...)
	b.breaks(placement, err)
}

// breaks notes that nobody knows what is in a placement's folder.
func (b *builds) breaks(placement string, err error) {
	variant := ""
	if build := (*kustomize.BuildError)(nil); errors.As(err, &build) {
		variant = build.Variant
	}
	for _, p := range b.model.Placements[placement].InVariants() {
		if p.Variant == variant {
			b.broken[p.Spec.Path] = true
		}
	}
}

// note records what a build holds on a cluster; "" is no cluster.
func (b *builds) note(build *kustomize.Build, cluster string) {
	b.stubs.note(build, cluster)
	for _, o := range build.Objects {
		objects{b.fleet}.annotations(build, o)
	}
}
