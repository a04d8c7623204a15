package kustomize

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/kustomize/internal/view"
	"github.com/bulla-dev/bulla/kustomize/internal/worker"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// sharing has processes that make one build after the other, each of one tree alone: what
// a stranger pushed is never built where the base of a plan is. Starting a process takes
// ten times as long as a build. docs/design/2026-11-30-shared-builds.md says why no build
// changes what the next one says, and for whom that is enough.
type sharing struct {
	options worker.Options
	started *atomic.Int64
	builds  atomic.Int64

	mu sync.Mutex
	// idle are the processes that wait for another build, by the very tree: folders have no hash.
	idle map[*tree.Tree][]*worker.Shared
}

// idleFor is how long a process waits for another build. It dies with its parent, too.
const idleFor = time.Second

// build is one [making].
func (s *sharing) build(ctx context.Context, t *tree.Tree, v *view.View) (*worker.Result, error) {
	process := s.take(t)
	if process == nil {
		s.started.Add(1)
		var err error
		if process, err = worker.NewShared(s.options); err != nil {
			return nil, err
		}
	}
	defer s.put(t, process)
	result, err := process.Build(ctx, v, v.Root, v.Apart)
	if err == nil {
		s.builds.Add(1)
	}
	return result, err
}

// take gives a process that waits, nil for none.
func (s *sharing) take(t *tree.Tree) *worker.Shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.idle[t]
	if len(all) == 0 {
		return nil
	}
	s.keep(t, all[:len(all)-1])
	return all[len(all)-1]
}

func (s *sharing) put(t *tree.Tree, process *worker.Shared) {
	if !process.Usable() {
		process.End()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(t, append(s.idle[t], process))
	builds := process.Builds()
	time.AfterFunc(idleFor, func() { s.end(t, process, builds) })
}

// end ends a process that still waits where it did after so many builds.
func (s *sharing) end(t *tree.Tree, process *worker.Shared, builds int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.idle[t], process)
	if at < 0 || process.Builds() != builds {
		return
	}
	s.keep(t, slices.Delete(s.idle[t], at, at+1))
	process.End()
}

func (s *sharing) keep(t *tree.Tree, idle []*worker.Shared) {
	if s.idle[t] = idle; len(idle) == 0 {
		delete(s.idle, t)
	}
}
