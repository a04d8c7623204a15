package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice/grant"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// Side is one of the two trees.
type Side struct {
	Revision Revision
	Tree     *tree.Tree
	Model    *model.Model
}

// Open reads a side as of a time. A tree without fleet.yaml is a fleet without anything:
// the base of a first commit. The error is about fleet.yaml.
func Open(revision Revision, t *tree.Tree, loader *model.Loader, now time.Time) (*Side, error) {
	s := &Side{Revision: revision, Tree: t}
	if !t.Exists(tree.FleetFile) {
		s.Model = (&model.Model{Fleet: &api.Fleet{}}).At(now)
		return s, nil
	}
	m, err := loader.Load(t)
	if err != nil {
		return nil, fmt.Errorf("read revision %q: %w", revision.Name, err)
	}
	s.Model = m.At(now)
	return s, nil
}

// resolved is what one tree places on one group of clusters.
type resolved struct {
	*kustomize.Resolution
	stubs *grant.Stubs
	// bound are the digests that are sealed for what they become here, and unbound those
	// that are not, or are damaged.
	bound   []bound
	unbound []unbound
	// referred are the digests of references, of which nobody here can tell that.
	referred []referred
}

const problemBound = "it is sealed for another object, or for other fields"

type bound struct {
	digest string
	stands []*grant.Candidate
	blocks []grant.Bound
}

type unbound struct {
	grant.Candidate
	problem string
}

// resolving resolves a side, once for each group.
type resolving struct {
	*Side
	ctx     context.Context //nolint:containedctx // of one comparison, which this lives for
	builder *kustomize.Builder
	groups  map[string]*resolved
	keys    map[string]string   // of the group, by cluster
	sets    map[string][]string // members
	// only says which placements are built, nil for all: see [touched].
	only func(placement string) bool
	// stood is what the fleet makes of a file; see standsOf.
	stood map[string]stood
	// before is the base, at the head.
	before *resolving
}

func (s *Side) resolving(ctx context.Context, b *kustomize.Builder, only func(string) bool) *resolving {
	r := &resolving{Side: s, ctx: ctx, builder: b, groups: map[string]*resolved{}, keys: map[string]string{},
		sets: map[string][]string{}, stood: map[string]stood{}, only: only}
	for name := range s.Model.Clusters {
		r.keys[name] = s.Model.GroupOf(name)
	}
	return r
}

// on is what a cluster gets of what is built, nil for nothing.
func (r *resolving) on(cluster string) *resolved { return r.groups[r.keys[cluster]] }

// group resolves the group of one cluster alone.
func (r *resolving) group(cluster string) *kustomize.Resolution {
	key := r.keys[cluster]
	if r.groups[key] == nil {
		r.groups[key] = &resolved{Resolution: r.builder.ResolveGroup(r.ctx, r.Tree, r.Model, cluster, r.only)}
	}
	return r.groups[key].Resolution
}

// all resolves every group. What binds stubs goes on beside the builds of the next, until
// bound says that it is over.
func (r *resolving) all(progress func(string, ...any), bound *sync.WaitGroup) error {
	for _, cluster := range slices.Sorted(maps.Keys(r.keys)) {
		key := r.keys[cluster]
		if key == "" || r.groups[key] != nil {
			continue
		}
		progress("builds %s for cluster %s", r.Revision.Name, cluster)
		resolution := r.builder.ResolveGroup(r.ctx, r.Tree, r.Model, cluster, r.only)
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		out := &resolved{Resolution: resolution}
		r.groups[key] = out
		bound.Go(func() { r.bind(out) })
	}
	return nil
}

func (r *resolving) bind(out *resolved) {
	out.stubs = grant.Of(out.Resolution)
	for _, digest := range slices.Sorted(maps.Keys(out.stubs.ByDigest)) {
		candidates := out.stubs.ByDigest[digest]
		if r := grant.Referred(candidates); r != nil {
			out.referred = append(out.referred, referred{candidates, reference.Sealed{Reference: r}})
			continue
		}
		stands, blocks, err := grant.BindAll(r.Model.Fleet.Spec.ID, candidates)
		for i := range candidates {
			switch {
			case err != nil:
				out.unbound = append(out.unbound, unbound{candidates[i], "its payload is damaged: " + err.Error()})
			case !slices.Contains(stands, &candidates[i]):
				out.unbound = append(out.unbound, unbound{candidates[i], problemBound})
			}
		}
		if err == nil && len(stands) > 0 {
			out.bound = append(out.bound, bound{digest, stands, blocks})
		}
	}
}

// reaches says whether the key service answers a cluster at all, and if not, why.
func (s *Side) reaches(cluster string) (ok bool, why string) {
	c := s.Model.Clusters[cluster]
	switch {
	case c == nil:
		return false, "it is not in the fleet"
	case c.Spec.Suspend:
		return false, "it is suspended"
	case !grant.Receives(c):
		return false, "nothing can be sealed to its recipient"
	}
	return true, ""
}
