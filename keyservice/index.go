package keyservice

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
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

// index is what one head places on one cluster, by stub digest. It is immutable.
type index struct {
	cluster *api.Cluster
	// targets are what a lock must name, in order of preference: this cluster,
	// then the sets that it is in.
	targets []string
	// stubs are shared by all clusters with the same placements.
	stubs map[string][]candidate
	// unusable says that the Cluster file's recipient cannot be sealed to.
	unusable bool
	// undecided are digests of objects that a placement whose build is under way may
	// claim too, and pending are those placements: what is not in stubs may still
	// come.
	undecided map[string]bool
	pending   []string
	// failed says that a placement did not build.
	failed bool
	// broken are the placements that do not build, and why, for people.
	broken map[string]string
}

// mayCome says whether what a digest stands for here is not known yet.
func (x *index) mayCome(digest string) bool {
	return len(x.pending) > 0 && (x.undecided[digest] || len(x.stubs[digest]) == 0)
}

// candidate is one built object that a stub digest stands for.
type candidate struct {
	placement string
	object    kustomize.ObjectID
	manifest  *api.SealedManifest
}

// indexes are those of one head, built once each for all who wait.
type indexes struct {
	build func(cluster string) (*index, error)

	mu sync.Mutex
	of map[string]*pendingIndex
	// placed is by the names of the placements: a build is a function of the tree
	// and the placement, never of the cluster, so ten thousand clusters of one kind
	// are resolved once.
	placed sync.Map // of *placedStubs
}

// placedStubs are the stubs of a set of placements, by digest.
type placedStubs struct {
	mu        sync.Mutex
	stubs     map[string][]candidate // nil until resolved
	undecided map[string]bool
	pending   []string
	failed    bool
	broken    map[string]string
}

type pendingIndex struct {
	done  chan struct{}
	index *index
	err   error
	until time.Time // zero: for as long as the head is accepted
}

// get returns the cluster's index, building it if nobody did. A caller that
// leaves does not stop the build.
func (x *indexes) get(ctx context.Context, cluster string) (*index, error) {
	x.mu.Lock()
	p, ok := x.of[cluster]
	if !ok || p.stale(time.Now()) {
		p = &pendingIndex{done: make(chan struct{})}
		x.of[cluster] = p
		go func() {
			defer close(p.done)
			p.index, p.err = x.build(cluster)
			switch {
			case p.err == nil && len(p.index.pending) > 0:
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

func (p *pendingIndex) stale(now time.Time) bool {
	select {
	case <-p.done:
		return !p.until.IsZero() && now.After(p.until)
	default:
		return false
	}
}

func (h *heads) buildIndex(of *head) func(string) (*index, error) {
	return func(cluster string) (*index, error) {
		ctx, cancel := context.WithTimeout(h.life, indexTimeout)
		defer cancel()
		x, err := newIndex(ctx, of, h.builder, cluster)
		if err != nil {
			return nil, err
		}
		digests := slices.Sorted(maps.Keys(x.stubs))
		if err := h.rows.AddPlaced(ctx, h.fleet, cluster, of.hash, digests); err != nil {
			return nil, err
		}
		return x, nil
	}
}

func newIndex(ctx context.Context, of *head, builder *kustomize.Builder, cluster string) (*index, error) {
	file, ok := of.model.Clusters[cluster]
	if !ok {
		return nil, fmt.Errorf("index cluster %q: not in the fleet", cluster)
	}
	x := &index{cluster: file}
	if _, err := age.ParseHybridRecipient(file.Spec.Recipient); err != nil {
		x.unusable = true
	}
	x.targets = append(x.targets, sealing.Target{Kind: sealing.Cluster, Name: cluster}.String())
	for _, set := range of.model.SetsOf(cluster) {
		x.targets = append(x.targets, sealing.Target{Kind: sealing.Set, Name: set}.String())
	}
	placed, err := of.indexes.resolve(ctx, of, builder, cluster)
	if err != nil {
		return nil, fmt.Errorf("index cluster %q: %w", cluster, err)
	}
	x.stubs, x.undecided, x.pending = placed.stubs, placed.undecided, placed.pending
	x.failed, x.broken = placed.failed, placed.broken
	return x, nil
}

// resolve gives the stubs of the cluster's placements, found once for all clusters
// that have the same. What did not build is tried again.
func (x *indexes) resolve(ctx context.Context, of *head, builder *kustomize.Builder, cluster string) (*placedStubs, error) {
	known, _ := x.placed.LoadOrStore(of.model.GroupOf(cluster), &placedStubs{})
	shared := known.(*placedStubs)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.stubs != nil && !shared.failed {
		return shared, nil
	}
	resolution := builder.ResolveSoon(ctx, of.tree, of.model, cluster)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fresh := &placedStubs{
		stubs: map[string][]candidate{}, undecided: map[string]bool{}, broken: map[string]string{},
		pending: resolution.Building(),
	}
	for _, name := range slices.Sorted(maps.Keys(resolution.Placed)) {
		fresh.add(name, resolution)
	}
	shared.stubs, shared.undecided, shared.pending = fresh.stubs, fresh.undecided, fresh.pending
	shared.failed, shared.broken = fresh.failed, fresh.broken
	return fresh, nil
}

// clashes says of an object that several placements claim.
func clashes(c kustomize.Conflict) string {
	return fmt.Sprintf("%s %s/%s is claimed by %s too", c.ID.Kind, c.ID.Namespace, c.ID.Name, strings.Join(c.With, ", "))
}

// add takes the stubs of one placement: none of a placement that does not build
// or that claims another's object, and none but those the map of objects gives
// to it.
func (x *placedStubs) add(name string, resolution *kustomize.Resolution) {
	placed := resolution.Placed[name]
	if placed.Err != nil {
		x.failed, x.broken[name] = true, placed.Err.Error()
		return
	}
	if len(placed.Conflicts) > 0 {
		x.broken[name] = clashes(placed.Conflicts[0])
		return
	}
	for _, object := range placed.Build.Objects {
		owner, ok := resolution.Owner(object.ID())
		if object.Stub == nil || !ok || owner != name {
			continue
		}
		digest := object.Stub.Digest
		if len(x.pending) > 0 && resolution.Undecided(object.ID()) {
			x.undecided[digest] = true
			continue
		}
		x.stubs[digest] = append(x.stubs[digest], candidate{placement: name, object: object.ID(), manifest: object.Stub.Manifest})
	}
}
