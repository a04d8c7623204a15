package kustomize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/check"
	"github.com/bulla-dev/bulla/kustomize/internal/kept"
	"github.com/bulla-dev/bulla/kustomize/internal/view"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// BuilderOptions bound builds. Zero fields take defaults.
type BuilderOptions struct {
	// Timeout is the wall deadline of one build; default 30 s. CPU time has the
	// same bound.
	Timeout time.Duration
	// MemoryLimit of one build process, in bytes; default 512 MiB.
	MemoryLimit int64
	// Concurrency is the number of build processes at a time; default 2.
	Concurrency int
	// SlowAfter is how long a build has the place of a fast one, see [lanes];
	// default 3 s.
	SlowAfter time.Duration
	// CacheSize is the number of builds kept; default 4096.
	CacheSize int
	// Store, if any, keeps builds between runs.
	Store *BuildStore
	// Lean builds have stubs without their locks: whoever opens none holds a third of
	// each stub for nothing.
	Lean bool
	// Shared builds of one tree share processes, see [sharing]: for who tells what a change
	// does, and decides nothing by it. They are not put into the store.
	Shared bool
}

// Bounds on one build's output.
const (
	maxOutput  = 64 << 20
	maxObjects = 10_000
)

// Builder builds placements and keeps the results. It is safe for concurrent
// use.
type Builder struct {
	options   worker.Options
	lanes     *lanes
	cache     *kept.Cache
	store     *BuildStore
	processes atomic.Int64
	confined  atomic.Pointer[worker.Confinement]

	sharing     *sharing // nil for a process for each build
	substituted substituted
	lean        bool

	mu      sync.Mutex
	flights map[string]*flight
}

// NewBuilder returns a builder with an empty cache.
func NewBuilder(o BuilderOptions) *Builder {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.MemoryLimit = cmp.Or(o.MemoryLimit, int64(512<<20))
	o.Concurrency = cmp.Or(o.Concurrency, 2)
	o.SlowAfter = cmp.Or(o.SlowAfter, slowAfter)
	o.CacheSize = cmp.Or(o.CacheSize, 4096)
	b := &Builder{
		options: worker.Options{Timeout: o.Timeout, Memory: o.MemoryLimit, Output: maxOutput, Objects: maxObjects},
		lanes:   newLanes(o.Concurrency, o.SlowAfter),
		cache:   kept.NewCache(o.CacheSize),
		store:   o.Store, lean: o.Lean,
		flights: map[string]*flight{}, substituted: substituted{last: map[string]substitution{}},
	}
	if o.Shared {
		b.sharing = &sharing{options: b.options, started: &b.processes, idle: map[*tree.Tree][]*worker.Shared{}}
	}
	return b
}

// MaybeRunBuildWorker makes this process a build worker when it was started as
// one, and does not return then. It must be the first line of every main and
// TestMain that builds.
func MaybeRunBuildWorker() { worker.MaybeRun() }

// Processes is the number of build processes started so far.
func (b *Builder) Processes() int64 { return b.processes.Load() }

// ConfinementHint says what to do about what [Builder.Unconfined] names.
const ConfinementHint = "the kernel or the container refuses it; what each part is for: " +
	manual.At + "security-model.md"

// Unconfined names what builds on this system lack of their confinement, none for
// nothing. It starts a process that builds nothing.
func (b *Builder) Unconfined(ctx context.Context) ([]string, error) {
	confinement, err := worker.Probe(ctx, b.options)
	return confinement.Missing(), err
}

// Build builds a placement's folder at a tree, in the variant that it is, with no
// cluster's values in it: [Builder.Resolve] puts those in. The error is a [BuildError],
// or the context's. A build that would ask the tree the same questions and get the
// same answers as one before is not repeated.
func (b *Builder) Build(ctx context.Context, t *tree.Tree, p *api.Placement) (_ *Build, err error) {
	defer func() { err = of(p, err) }()
	defer catch(p, &err)
	key, err := kept.KeyOf(p)
	if err != nil {
		return nil, err
	}
	for {
		if r, ok := b.cache.Get(key, t); ok {
			return r.Build, r.Err
		}
		build, err := b.await(ctx, b.begin(t, p, key))
		if !errors.Is(err, errCrowded) {
			return build, err
		}
	}
}

// SameBuild reports whether two placements build the same of every tree.
func SameBuild(a, b *api.Placement) bool {
	one, err := kept.KeyOf(a)
	other, err2 := kept.KeyOf(b)
	return err == nil && err2 == nil && one == other
}

func (b *Builder) await(ctx context.Context, f *flight) (*Build, error) {
	defer b.leave(f)
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-f.done:
		return f.build, f.err
	}
}

// known finds a build of this process or, if there is a store, of an earlier one.
func (b *Builder) known(key kept.Key, t *tree.Tree) (*kept.Result, bool) {
	if r, ok := b.cache.Get(key, t); ok || b.store == nil {
		return r, ok
	}
	r, ok := b.store.Get(key, t)
	if ok {
		b.cache.Put(key, r)
	}
	return r, ok
}

func (b *Builder) build(ctx context.Context, t *tree.Tree, p *api.Placement, key kept.Key) (*Build, error) {
	v, build, err := b.attempt(ctx, t, p)
	failure := &worker.Failure{}
	switch {
	case err == nil:
		r := &kept.Result{Answers: v.Answers, Tree: t, Build: build}
		b.cache.Put(key, r)
		if b.store != nil && b.sharing == nil {
			b.store.Put(key, r)
		}
		return build, nil
	case errors.As(err, &failure):
		r := &kept.Result{Answers: v.Answers, Tree: t, Err: refusal(p, v.Own(failure))}
		if failure.Temporary {
			r.Tries = b.cache.Tries(key, t) + 1
			r.Until = time.Now().Add(backOff(r.Tries))
		}
		b.cache.Put(key, r)
		return nil, r.Err
	}
	return nil, &BuildError{Placement: p.Metadata.Name, Problem: err.Error(), Err: err}
}

// attempt builds once, in a process that builds share if it may: what fails there is built
// again, as if it had not been tried.
func (b *Builder) attempt(ctx context.Context, t *tree.Tree, p *api.Placement) (*view.View, *Build, error) {
	if b.sharing != nil {
		v, build, err := b.try(ctx, t, p, b.sharing.build)
		if err == nil || ctx.Err() != nil {
			return v, build, err
		}
	}
	return b.try(ctx, t, p, b.alone)
}

// making makes one build of a view.
type making func(context.Context, *tree.Tree, *view.View) (*worker.Result, error)

func (b *Builder) alone(ctx context.Context, _ *tree.Tree, v *view.View) (*worker.Result, error) {
	b.processes.Add(1)
	return worker.Build(ctx, b.options, v, v.Root)
}

// try builds once. A panic is a refusal of the input, kept as every other:
// the same tree would panic again.
func (b *Builder) try(ctx context.Context, t *tree.Tree, p *api.Placement, by making) (
	v *view.View, build *Build, err error,
) {
	v = view.New(t, p)
	defer func() {
		if r := recover(); r != nil {
			build, err = nil, &worker.Failure{Problem: panicked()}
		}
	}()
	if err = v.Open(); err == nil {
		build, err = b.run(ctx, t, v, p, by)
	}
	return v, build, err
}

// A build that ran out of time may have been the machine's fault, so it is tried
// again, later each time; a push that does not touch what it read tries nothing.
const (
	temporaryFor  = 5 * time.Minute
	temporaryMost = 6 * time.Hour
)

func backOff(tries int) time.Duration {
	return min(temporaryMost, temporaryFor<<min(tries-1, 10))
}

// run builds, and turns the output into checked objects.
func (b *Builder) run(ctx context.Context, t *tree.Tree, v *view.View, p *api.Placement, by making) (*Build, error) {
	build := &Build{Placement: p.Metadata.Name}
	if !v.Empty() {
		result, err := by(ctx, t, v)
		if err != nil {
			return nil, err
		}
		b.confined.Store(&result.Confinement)
		if build.Objects, err = v.Objects(result.Objects); err != nil {
			return nil, v.Refuse(err)
		}
		if build.Deleted, err = v.Account(result.Deletions); err != nil {
			return nil, err
		}
	}
	check.Settle(p, build.Objects)
	if err := check.Objects(p, build.Objects); err != nil {
		return nil, v.Refuse(err)
	}
	var err error
	if build.Digest, err = built.Digest(build.Objects); err != nil {
		return nil, fmt.Errorf("take the digest of placement %q: %w", p.Metadata.Name, err)
	}
	if b.lean {
		for _, o := range build.Objects {
			o.Stub.Lighten()
		}
	}
	build.Files = v.Answers.Files()
	build.LeftOut = v.LeftOut()
	return build, nil
}
