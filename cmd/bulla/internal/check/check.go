// Package check looks at a whole fleet and says what would not work once it is
// merged: files that count for nothing, placements that do not build, objects
// that two placements claim, stubs that no cluster can open.
//
// It builds every placement for every cluster with the code that the key
// service and the controllers use, so what passes here is what they see. It
// cannot open anything, and need not.
package check

import (
	"context"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/likely"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/passed"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Known is what runs before looked at, and found nothing wrong with. Nil is nothing.
type Known struct {
	// Clean are files without a secret in the clear, Recipients are clusters' that can be
	// sealed to.
	Clean      *likely.Clean
	Recipients *passed.Set
}

// Fleet checks a fleet, also against the last commit. known is of runs before; progress is
// told what is being done.
func Fleet(
	ctx context.Context, tree *tree.Tree, model *model.Model, builder *kustomize.Builder, head *Head,
	known *Known, progress func(string, ...any),
) (*Report, error) {
	if known == nil {
		known = &Known{}
	}
	f := &fleet{tree: tree, model: model, findings: map[Finding]bool{}, parsed: map[string][]*yaml.Node{}}
	for _, problem := range model.Problems {
		f.add(f.ofModel(problem)...)
	}
	b := newBuilds(f, builder)
	names := slices.Sorted(maps.Keys(model.Clusters))
	for i, cluster := range names {
		progress("building for cluster %d of %d: %s", i+1, len(names), cluster)
		b.cluster(builder.Resolve(ctx, tree, model, cluster))
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(model.Placements)) {
		progress("building placement %s", name)
		b.placement(ctx, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	progress("")
	b.stubs.check(b.broken)
	b.files.check(b.broken)
	grants{fleet: f, builds: b.all, recipients: known.Recipients}.check()
	if len(b.broken) == 0 { // else who knows what those would make
		reads{objects: objects{f}, all: b.all}.check()
	}
	f.checkLikely(ctx, known.Clean)
	f.checkAttributes()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	f.checkRecovery(ctx, head)
	since{fleet: f, head: head, builds: b.all}.check()
	findings := merged(f.findings)
	columns(f.tree.ReadFile, findings)
	slices.SortStableFunc(findings, compare)
	report := &Report{
		Findings: findings,
		Clusters: len(model.Clusters), Placements: len(model.Placements), Stubs: len(b.stubs.uses),
	}
	return report, nil
}
