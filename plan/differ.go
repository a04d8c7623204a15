package plan

import (
	"context"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// differ holds both sides while they are compared.
type differ struct {
	base, head *resolving
	folds      folds
	// pairs are the builds that were compared, shared by all classes that have them.
	pairs map[pair]*compared
	// consent is what fleet.yaml of the head lets go, read when something is held.
	consent func() []consent
	// without is what lacks a value.
	without unvalued
	// advice is what to do about a stub that no value fits, by its path; see several.
	advice map[string]string
	// waved are the placements that were asked whether they meet their waves.
	waved map[string]bool
}

// Options are what a comparison may use.
type Options struct {
	// Builder builds both sides. What is the same in both is built once.
	Builder *kustomize.Builder
	// History is that of the clone, if there is one: consent and what returns are told by it.
	History History
	// Progress is told what takes long; nil tells nobody.
	Progress func(format string, args ...any)
	// Whole builds what cannot have changed too: [Plan.Known] has what does not build on
	// either side then. Nothing else of a plan hangs on it.
	Whole bool
}

// Between compares two sides. The error is the context's: what is wrong with a tree
// stands in the plan.
func Between(ctx context.Context, base, head *Side, o Options) (*Plan, error) {
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	only := o.only(base, head)
	d := &differ{
		base: base.resolving(ctx, o.Builder, only), head: head.resolving(ctx, o.Builder, only),
		pairs: map[pair]*compared{}, waved: map[string]bool{}, advice: map[string]string{},
	}
	d.head.before = d.base
	d.consent = sync.OnceValue(func() []consent { return d.consents(ctx, o.History, o.Builder) })
	if err := d.build(o.Progress); err != nil {
		return nil, err
	}
	p := &Plan{
		Format: Format, Base: base.Revision, Head: head.Revision, Notes: []string{},
		Fleet: fleetChanges(base.Model.Fleet, head.Model.Fleet),
	}
	d.without = d.unvalued()
	for _, class := range d.classes() {
		d.class(class)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	d.folds.into(p, d)
	p.Waves, p.KeysDue = d.waveChanges(), head.keysDue(p)
	d.noteStored(p)
	d.returns(ctx, o.History, p)
	p.Blockers, p.Known = d.problems()
	p.Blockers = append(p.Blockers, d.without.problems(d)...)
	p.summarize()
	return p, ctx.Err()
}

// only says which placements are built; nil for all of them.
func (o Options) only(base, head *Side) func(placement string) bool {
	if o.Whole {
		return nil
	}
	names, all := touched(base, head)
	if all {
		return nil
	}
	return func(name string) bool { return names[name] }
}

// build builds both sides, the base first: what is the same at the head is not built again.
func (d *differ) build(progress func(string, ...any)) error {
	var bound sync.WaitGroup
	defer bound.Wait()
	defer progress("")
	for _, side := range []*resolving{d.base, d.head} {
		if err := side.all(progress, &bound); err != nil {
			return err
		}
	}
	return nil
}

// class compares what the first cluster of a class has on both sides, for all of it.
func (d *differ) class(clusters []string) {
	first := clusters[0]
	for _, cluster := range clusters {
		what := clusterChange(d.base.Model.Clusters[cluster], d.head.Model.Clusters[cluster])
		if what != "" && !d.unread(api.KindCluster, cluster) {
			fold(&d.folds.files, what, []string{cluster})
		}
	}
	before, after := d.base.access(first), d.head.access(first)
	if grants := d.granted(first, before, after); len(grants) > 0 {
		fold(&d.folds.grants, grants, clusters)
	}
	for _, missing := range d.missing(before, after) {
		fold(&d.folds.missing, missing, clusters)
	}
	for _, delivery := range d.deliveries(first) {
		fold(&d.folds.deliveries, delivery, clusters)
	}
}
