package clone

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/built"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Snapshot is one commit. It is read-only.
type Snapshot struct {
	Commit string
	Tree   *tree.Tree
	Model  *model.Model
	// Read is when it was read.
	Read time.Time
	// Old says why something newer is not shown; nil when this is the newest.
	Old error
	// Shallow: the clone's history is cut off, and what is older is not known.
	Shallow bool

	clone  *git.Clone
	builds *builds
}

// Progress is how far builds are.
type Progress struct{ Done, All int }

// builds are those of one commit, all of them, once.
type builds struct {
	builder *kustomize.Builder
	tree    *tree.Tree
	model   *model.Model

	once sync.Once
	done chan struct{}

	mu    sync.Mutex
	so    Progress
	index *built.Index
	err   error
}

// Index is where every stub is used, and what reads it. It waits for no build: until all
// are done ok is false, and so says how far they are.
func (s *Snapshot) Index() (index *built.Index, so Progress, ok bool, err error) {
	s.builds.start()
	select {
	case <-s.builds.done:
		return s.builds.index, s.builds.so, true, s.builds.err
	default:
	}
	s.builds.mu.Lock()
	defer s.builds.mu.Unlock()
	return nil, s.builds.so, false, nil
}

// Built is [Snapshot.Index] that waits: for what a person started and waits for. Builds
// go on when they give up.
func (s *Snapshot) Built(ctx context.Context) (*built.Index, error) {
	s.builds.start()
	select {
	case <-s.builds.done:
		return s.builds.index, s.builds.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Changed lists the newest commits that changed one of the paths: see [git.Clone.Changed].
func (s *Snapshot) Changed(ctx context.Context, most int, paths ...string) (
	changes []git.Change, whole bool, err error,
) {
	return s.clone.Changed(ctx, s.Commit, paths, most, lookBack)
}

// lookBack is how many commits a page looks at for the few that it shows.
const lookBack = 500

func (b *builds) start() {
	b.once.Do(func() {
		b.done = make(chan struct{})
		go func() {
			defer close(b.done)
			var placements []*api.Placement
			for _, name := range slices.Sorted(maps.Keys(b.model.Placements)) {
				placements = append(placements, b.model.Placements[name])
			}
			// No request's end stops what the next one needs.
			index, err := built.All(context.Background(), b.builder, b.tree, placements, b.progress)
			b.mu.Lock()
			defer b.mu.Unlock()
			b.index, b.err = index, err
		}()
	})
}

// progress takes the numbers that [built.All] tells.
func (b *builds) progress(_ string, args ...any) {
	if len(args) != 2 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.so.Done, _ = args[0].(int)
	b.so.All, _ = args[1].(int)
}
