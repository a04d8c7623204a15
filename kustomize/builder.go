package kustomize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/api/canonical"
	api "github.com/bulla-dev/bulla/api/fleet"
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
	// CacheSize is the number of builds kept; default 4096.
	CacheSize int
	// Store, if any, keeps builds between runs.
	Store *BuildStore
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
	cache     *buildCache
	store     *BuildStore
	processes atomic.Int64
	confined  atomic.Pointer[worker.Confinement]

	mu      sync.Mutex
	flights map[string]*flight
}

// NewBuilder returns a builder with an empty cache.
func NewBuilder(o BuilderOptions) *Builder {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.MemoryLimit = cmp.Or(o.MemoryLimit, int64(512<<20))
	o.Concurrency = cmp.Or(o.Concurrency, 2)
	o.CacheSize = cmp.Or(o.CacheSize, 4096)
	return &Builder{
		options: worker.Options{Timeout: o.Timeout, Memory: o.MemoryLimit, Output: maxOutput, Objects: maxObjects},
		lanes:   newLanes(o.Concurrency),
		cache:   newBuildCache(o.CacheSize),
		store:   o.Store,
		flights: map[string]*flight{},
	}
}

// MaybeRunBuildWorker makes this process a build worker when it was started as
// one, and does not return then. It must be the first line of every main and
// TestMain that builds.
func MaybeRunBuildWorker() { worker.MaybeRun() }

// Processes is the number of build processes started so far.
func (b *Builder) Processes() int64 { return b.processes.Load() }

// ConfinementHint says what to do about what [Builder.Unconfined] names.
const ConfinementHint = "the kernel or the container refuses it; docs/security-model.md says what each part is for"

// Unconfined names what builds on this system lack of their confinement, none for
// nothing. It starts a process that builds nothing.
func (b *Builder) Unconfined(ctx context.Context) ([]string, error) {
	confinement, err := worker.Probe(ctx, b.options)
	return confinement.Missing(), err
}

// Build builds a placement's folder at a tree. The error is a [BuildError], or
// the context's. A build that would ask the tree the same questions and get the
// same answers as one before is not repeated.
func (b *Builder) Build(ctx context.Context, t *tree.Tree, p *api.Placement) (_ *Build, err error) {
	defer catch(p, &err)
	key, err := keyOf(p)
	if err != nil {
		return nil, err
	}
	for {
		if r, ok := b.cache.get(key, t); ok {
			return r.build, r.err
		}
		build, err := b.await(ctx, b.begin(t, p, key))
		if !errors.Is(err, errCrowded) {
			return build, err
		}
	}
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

// kept finds a build of this process or, if there is a store, of an earlier one.
func (b *Builder) kept(key buildKey, t *tree.Tree) (*buildResult, bool) {
	if r, ok := b.cache.get(key, t); ok || b.store == nil {
		return r, ok
	}
	r, ok := b.store.get(key, t)
	if ok {
		b.cache.put(key, r)
	}
	return r, ok
}

func (b *Builder) build(ctx context.Context, t *tree.Tree, p *api.Placement, key buildKey) (*Build, error) {
	v, build, err := b.attempt(ctx, t, p)
	failure := &worker.Failure{}
	switch {
	case err == nil:
		r := &buildResult{answers: v.answers, tree: t, build: build}
		b.cache.put(key, r)
		if b.store != nil {
			b.store.put(key, r)
		}
		return build, nil
	case errors.As(err, &failure):
		refused := &BuildError{Placement: p.Metadata.Name, Line: failure.Line, Problem: failure.Problem, Err: errInput}
		refused.File = v.fileOf(failure)
		for _, more := range failure.More {
			refused.More = append(refused.More, &BuildError{Placement: p.Metadata.Name, File: v.fileOf(more), Line: more.Line, Problem: more.Problem})
		}
		err = refused
		r := &buildResult{answers: v.answers, tree: t, err: err}
		if failure.Temporary {
			r.tries = b.cache.tries(key, t) + 1
			r.until = time.Now().Add(backOff(r.tries))
		}
		b.cache.put(key, r)
		return nil, err
	}
	return nil, &BuildError{Placement: p.Metadata.Name, Problem: err.Error(), Err: err}
}

// attempt builds once. A panic is a refusal of the input, kept as every other:
// the same tree would panic again.
func (b *Builder) attempt(ctx context.Context, t *tree.Tree, p *api.Placement) (v *view, build *Build, err error) {
	v = emptyView(t, p.Spec.Path)
	defer func() {
		if r := recover(); r != nil {
			build, err = nil, &worker.Failure{Problem: panicked()}
		}
	}()
	if err = v.open(); err == nil {
		build, err = b.run(ctx, v, p)
	}
	return v, build, err
}

// errInput marks build errors that the tree is to blame for: the same tree
// gives the same error.
var errInput = errors.New("input is refused")

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
func (b *Builder) run(ctx context.Context, v *view, p *api.Placement) (*Build, error) {
	build := &Build{Placement: p.Metadata.Name}
	if !v.empty() {
		b.processes.Add(1)
		result, err := worker.Build(ctx, b.options, v, v.root)
		if err != nil {
			return nil, err
		}
		b.confined.Store(&result.Confinement)
		if build.Objects, err = v.objects(result.Objects); err != nil {
			return nil, v.refuse(err)
		}
		if err := v.account(build, result.Deletions); err != nil {
			return nil, err
		}
	}
	settle(p, build.Objects)
	if err := Check(p, build.Objects); err != nil {
		return nil, v.refuse(err)
	}
	var err error
	if build.Digest, err = digest(build.Objects); err != nil {
		return nil, fmt.Errorf("take the digest of placement %q: %w", p.Metadata.Name, err)
	}
	build.Files = v.filesRead()
	build.LeftOut = slices.Sorted(maps.Keys(v.leftOut))
	return build, nil
}

// objects takes a build's output in.
func (v *view) objects(output [][]byte) ([]Object, error) {
	var objects []Object
	var errs []error
	var in entry
	for _, data := range output {
		u, err := in.object(data)
		if err != nil {
			if u == nil {
				return nil, err
			}
			errs = append(errs, err)
			continue
		}
		stub, err := v.unmark(u)
		if err != nil {
			errs = append(errs, err)
		}
		objects = append(objects, Object{Unstructured: u, Stub: stub})
	}
	return objects, errors.Join(errs...)
}

// refuse names the file that a refused object seems to come from.
func (v *view) refuse(err error) error {
	all := refusals(err)
	if len(all) == 0 {
		return &worker.Failure{Problem: lines(err)}
	}
	const most = 10
	first := v.refusalOf(all[0])
	for _, refused := range all[1:min(len(all), most)] {
		first.More = append(first.More, v.refusalOf(refused))
	}
	if len(all) > most {
		first.More[len(first.More)-1].Problem += fmt.Sprintf("; and %d more", len(all)-most)
	}
	return first
}

func (v *view) refusalOf(refused *objectError) *worker.Failure {
	file, line := v.fault(refused)
	problem := refused.Error()
	if refused.plaintext {
		problem += sealHint(file)
	}
	return &worker.Failure{File: file, Line: line, Problem: problem}
}

// refusals takes the refused objects out of joined errors; none if there is
// another error among them.
func refusals(err error) []*objectError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*objectError
		for _, e := range joined.Unwrap() {
			more := refusals(e)
			if len(more) == 0 {
				return nil
			}
			all = append(all, more...)
		}
		return all
	}
	var refused *objectError
	if errors.As(err, &refused) {
		return []*objectError{refused}
	}
	return nil
}

// digest is over every object, in the order of identities, with its stub.
func digest(objects []Object) (string, error) {
	type entry struct {
		ID     ObjectID
		Object map[string]any
		Stub   string `json:",omitempty"`
	}
	entries := make([]entry, 0, len(objects))
	for _, o := range objects {
		e := entry{ID: o.ID(), Object: o.Object}
		if o.Stub != nil {
			e.Stub = o.Stub.Digest
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.ID.Group, b.ID.Group), cmp.Compare(a.ID.Kind, b.ID.Kind),
			cmp.Compare(a.ID.Namespace, b.ID.Namespace), cmp.Compare(a.ID.Name, b.ID.Name))
	})
	return canonical.StatusDigest(entries)
}
