// Package clone is the Git clone that pages are made from: its newest commit of the branch
// that counts, read and built once.
package clone

import (
	"context"
	"maps"
	"slices"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Clone is a clone of a fleet repository. It is safe for concurrent use.
type Clone struct {
	// Folder of the clone, Branch that counts: what is merged there is granted.
	Folder, Branch string

	builder *kustomize.Builder
	git     *git.Clone
	loader  model.Loader

	mu   sync.Mutex
	last *Snapshot
}

// Snapshot is one commit.
type Snapshot struct {
	Commit string
	Tree   *tree.Tree
	Model  *model.Model

	builder *kustomize.Builder
	once    sync.Once
	index   *built.Index
	err     error
}

// Open opens the clone at a folder. branch is a name as Git resolves it:
// "refs/remotes/origin/main".
func Open(folder, branch string, builder *kustomize.Builder) (*Clone, error) {
	g, err := git.OpenClone(folder, git.Limits{})
	if err != nil {
		return nil, err
	}
	return &Clone{Folder: folder, Branch: branch, builder: builder, git: g}, nil
}

// Snapshot is the branch's newest commit that the clone has.
func (c *Clone) Snapshot(context.Context) (*Snapshot, error) {
	commit, err := c.git.Resolve(c.Branch)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && c.last.Commit == commit {
		return c.last, nil
	}
	t, err := c.git.Tree(commit)
	if err != nil {
		return nil, err
	}
	m, err := c.loader.Load(t)
	if err != nil {
		return nil, err
	}
	c.last = &Snapshot{Commit: commit, Tree: t, Model: m, builder: c.builder}
	return c.last, nil
}

// Built is where every stub is used, and what reads it. It is built once for a commit.
func (s *Snapshot) Built(ctx context.Context) (*built.Index, error) {
	s.once.Do(func() {
		var placements []*api.Placement
		for _, name := range slices.Sorted(maps.Keys(s.Model.Placements)) {
			placements = append(placements, s.Model.Placements[name])
		}
		s.index, s.err = built.All(context.WithoutCancel(ctx), s.builder, s.Tree, placements, func(string, ...any) {})
	})
	return s.index, s.err
}
