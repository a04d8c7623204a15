package kustomize

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
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
}

// Builder builds placements and keeps the results. It is safe for concurrent
// use.
type Builder struct {
}

// NewBuilder returns a builder with an empty cache.
func NewBuilder(o BuilderOptions) *Builder { panic("not written yet") }

// Build builds a placement's folder at a tree. The error is a [BuildError], or
// the context's.
func (b *Builder) Build(ctx context.Context, t *Tree, p *v1alpha1.Placement) (*Build, error) {
	panic("not written yet")
}

// MaybeRunBuildWorker makes this process a build worker when it was started as
// one, and does not return then. It must be the first line of every main and
// TestMain that builds.
func MaybeRunBuildWorker() {}

// Processes is the number of build processes started so far.
func (b *Builder) Processes() int64 { panic("not written yet") }
