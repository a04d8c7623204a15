package heads

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
	"unique"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
)

const (
	// indexTimeout bounds building one cluster's index.
	indexTimeout = 2 * time.Minute
	// indexRetry is how long an index with failed builds is kept: a build may
	// fail because the machine was busy. Trying again costs little, since builds
	// are cached by what they read.
	indexRetry = 30 * time.Second
	// buildingRetry is that for one in which a build was not waited for.
	buildingRetry = time.Second
)

// Index is what one head places on one cluster, by stub digest. It is immutable.
type Index struct {
	Cluster *api.Cluster
	// Targets are what a lock must name, in order of preference: this cluster,
	// then the sets that it is in.
	Targets []string
	// Stubs are shared by all clusters with the same placements in the same variants.
	Stubs map[string][]grant.Candidate
	// Unusable says that the Cluster file's recipient cannot be sealed to.
	Unusable bool
	// undecided are digests of objects that a placement whose build is under way may
	// claim too, and Pending are those placements: what is not in stubs may still
	// come.
	undecided map[string]bool
	Pending   []string
	// failed says that a placement did not build.
	failed bool
	// Broken are the placements that do not build, and why, for people.
	Broken map[string]string
	// Releases are what waves go by, of the placements that build, see
	// [kustomize.Placed.Release]. Nothing is opened on them.
	Releases map[string]string
	// Ended are the digests whose targets here have all ended.
	Ended map[string]bool
}

// MayCome says whether what a digest stands for here is not known yet.
func (x *Index) MayCome(digest string) bool {
	return len(x.Pending) > 0 && (x.undecided[digest] || len(x.Stubs[digest]) == 0)
}

// indexes are those of one head, built once each for all who wait.
type indexes struct {
	build func(cluster string) (*Index, error)

	mu sync.Mutex
	of map[string]*pendingIndex
	// placed is by the group: a build is a function of the tree, the placement and its
	// variant, never of the cluster, so ten thousand clusters of one kind are resolved
	// once.
	placed sync.Map // of *placedStubs
	// groups are the clusters' groups: whoever asks for those of thousands asks often.
	groups sync.Map // of unique.Handle[string]
}

// placedStubs are the stubs of a set of placements, once for all who wait.
type placedStubs struct {
	mu sync.Mutex
	resolved
}

// resolved is what all clusters of a group have.
type resolved struct {
	*grant.Stubs // nil until resolved
	releases     map[string]string
}

type pendingIndex struct {
	done  chan struct{}
	index *Index
	err   error
	until time.Time // zero: for as long as the head is accepted
}

// get returns the cluster's index, building it if nobody did. A caller that
// leaves does not stop the build.
func (x *indexes) get(ctx context.Context, cluster string) (*Index, error) {
	x.mu.Lock()
	p, ok := x.of[cluster]
	if !ok || p.stale(time.Now()) {
		p = &pendingIndex{done: make(chan struct{})}
		x.of[cluster] = p
		go func() {
			defer close(p.done)
			p.index, p.err = x.build(cluster)
			switch {
			case p.err == nil && len(p.index.Pending) > 0:
				p.until = time.Now().Add(buildingRetry)
			case p.err != nil || p.index.failed:
				p.until = time.Now().Add(indexRetry)
			}
		}()
	}
	x.mu.Unlock()
	select {
	case <-p.done:
		return p.index, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Index is what the head places on a cluster. It is built once for all who wait; a
// caller that leaves does not stop the build.
func (h *Head) Index(ctx context.Context, cluster string) (*Index, error) {
	return h.indexes.get(ctx, cluster)
}

// GroupOf is the key of the group that a cluster is in, see [model.Model.GroupOf].
func (h *Head) GroupOf(cluster string) string {
	known, ok := h.indexes.groups.Load(cluster)
	if !ok {
		known, _ = h.indexes.groups.LoadOrStore(cluster, unique.Make(h.Model.GroupOf(cluster)))
	}
	return known.(unique.Handle[string]).Value()
}

func (p *pendingIndex) stale(now time.Time) bool {
	select {
	case <-p.done:
		return !p.until.IsZero() && now.After(p.until)
	default:
		return false
	}
}

func (h *Heads) buildIndex(of *Head) func(string) (*Index, error) {
	return func(cluster string) (*Index, error) {
		ctx, cancel := context.WithTimeout(h.looking.life, indexTimeout)
		defer cancel()
		x, err := newIndex(ctx, of, h.Builder, cluster)
		if err != nil {
			return nil, err
		}
		digests := slices.Sorted(maps.Keys(x.Stubs))
		if err := h.Rows.AddPlaced(ctx, h.Fleet, cluster, of.Hash, digests); err != nil {
			return nil, err
		}
		return x, nil
	}
}

func newIndex(ctx context.Context, of *Head, builder *kustomize.Builder, cluster string) (*Index, error) {
	file, ok := of.Model.Clusters[cluster]
	if !ok {
		return nil, fmt.Errorf("index cluster %q: not in the fleet", cluster)
	}
	x := &Index{Cluster: file, Unusable: !grant.Receives(file), Targets: grant.Targets(of.Model, cluster)}
	placed, err := of.indexes.resolve(ctx, of, builder, cluster)
	if err != nil {
		return nil, fmt.Errorf("index cluster %q: %w", cluster, err)
	}
	x.Stubs, x.undecided, x.Pending = placed.ByDigest, placed.Undecided, placed.Pending
	x.failed, x.Broken, x.Releases = placed.Failed, placed.Broken, placed.releases
	x.Ended = ended(ctx, of, builder, cluster)
	return x, nil
}

// resolve gives the stubs of the cluster's placements, found once for all clusters
// that have the same. What did not build is tried again.
func (x *indexes) resolve(ctx context.Context, of *Head, builder *kustomize.Builder, cluster string) (resolved, error) {
	known, _ := x.placed.LoadOrStore(of.GroupOf(cluster), &placedStubs{})
	shared := known.(*placedStubs)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.Stubs != nil && !shared.Failed {
		return shared.resolved, nil
	}
	resolution := builder.ResolveGroupSoon(ctx, of.Tree, of.Model, cluster)
	if err := ctx.Err(); err != nil {
		return resolved{}, err
	}
	shared.resolved = resolved{grant.Of(resolution), resolution.Releases()}
	return shared.resolved, nil
}
