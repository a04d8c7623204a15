package kustomize

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Resolution is what one tree places on one cluster. It is read-only.
type Resolution struct {
	Cluster string
	// Placed has every placement that targets the cluster, built or failed.
	Placed map[string]*Placed
	// Owners is the one map from object to placement. Objects that two
	// placements claim are not in it: see Conflicts.
	Owners map[ObjectID]string
	// Conflicts are the objects that more than one placement claims, with the
	// claimants sorted. Nobody gets them, and nobody may delete them.
	Conflicts map[ObjectID][]string
	// HoldAllDeletes is set when a file that could place something here cannot
	// be read: nothing may be deleted on this cluster. HoldReason says why.
	HoldAllDeletes bool
	HoldReason     string
	// HeldNamespaces are the namespaces of placements that fail to build, with
	// the placement's name; "" stands for cluster-scoped objects.
	HeldNamespaces map[string]string
}

// Placed is one placement on a cluster: Build or Err is set.
type Placed struct {
	// Placement is in the variant that the cluster gets.
	Placement *api.Placement
	Build     *Build
	Err       error
	// Conflicts are the objects of this placement that others claim too.
	Conflicts []Conflict
}

// Conflict is an object that another placement claims too.
type Conflict struct {
	ID ObjectID
	// With are the other placements, sorted.
	With []string
}

// Resolve builds everything placed on a cluster, with the cluster's values in it. It
// does not fail as a whole but for a cancelled context, which leaves an error in every
// [Placed].
func (b *Builder) Resolve(ctx context.Context, t *tree.Tree, m *model.Model, cluster string) *Resolution {
	return resolved(m, cluster, m.PlacedOn(cluster), b.valued(b.building(ctx, t), t, m.Clusters[cluster]))
}

// ResolveSoon is Resolve without waiting for a build that takes long: it stands as
// one that fails with [ErrBuilding], goes on, and is there for the next call. Who
// shares a cluster with a slow application does not wait for it.
func (b *Builder) ResolveSoon(ctx context.Context, t *tree.Tree, m *model.Model, cluster string) *Resolution {
	return resolved(m, cluster, m.PlacedOn(cluster), b.valued(b.buildingSoon(ctx, t), t, m.Clusters[cluster]))
}

// ResolveGroupSoon is ResolveSoon for all clusters of the group that one is in, see
// [model.Model.GroupOf]: with nobody's values. Objects and stubs are the same on each.
func (b *Builder) ResolveGroupSoon(ctx context.Context, t *tree.Tree, m *model.Model, cluster string) *Resolution {
	return resolved(m, cluster, m.PlacedOn(cluster), b.buildingSoon(ctx, t))
}

// ResolveGroup is [Builder.ResolveGroupSoon] for those who wait for every build. With only,
// it is of the placements that only holds for, as if there were no others: whoever gives
// it answers for it that those claim nothing of these.
func (b *Builder) ResolveGroup(ctx context.Context, t *tree.Tree, m *model.Model, cluster string,
	only func(placement string) bool,
) *Resolution {
	names := m.PlacedOn(cluster)
	if only != nil {
		names = slices.DeleteFunc(names, func(name string) bool { return !only(name) })
	}
	return resolved(m, cluster, names, b.building(ctx, t))
}

// On builds one placement as a cluster gets it.
func (b *Builder) On(ctx context.Context, t *tree.Tree, m *model.Model, placement, cluster string) *Placed {
	return placedOn(m, placement, cluster, b.valued(b.building(ctx, t), t, m.Clusters[cluster]))
}

// building builds a placement as it stands on a cluster.
type building func(*api.Placement) (*Build, error)

func (b *Builder) building(ctx context.Context, t *tree.Tree) building {
	return func(p *api.Placement) (*Build, error) { return b.Build(ctx, t, p) }
}

func (b *Builder) buildingSoon(ctx context.Context, t *tree.Tree) building {
	return func(p *api.Placement) (*Build, error) { return b.soon(ctx, t, p) }
}

func (b *Builder) valued(build building, t *tree.Tree, c *api.Cluster) building {
	return func(p *api.Placement) (*Build, error) {
		shared, err := build(p)
		if err != nil {
			return nil, err
		}
		return b.on(t, p, shared, c)
	}
}

func placedOn(m *model.Model, name, cluster string, build building) *Placed {
	p, err := m.For(name, cluster)
	if err != nil {
		file := m.Files[api.KindPlacement+"/"+name]
		return &Placed{Placement: m.Placements[name],
			Err: &BuildError{Placement: name, File: file, Problem: err.Error(), Err: errInput}}
	}
	placed := &Placed{Placement: p}
	placed.Build, placed.Err = build(p)
	return placed
}

func resolved(m *model.Model, cluster string, names []string, build building) *Resolution {
	r := &Resolution{
		Cluster:        cluster,
		Placed:         map[string]*Placed{},
		Owners:         map[ObjectID]string{},
		Conflicts:      map[ObjectID][]string{},
		HeldNamespaces: map[string]string{},
	}
	r.hold(m)
	var wg sync.WaitGroup
	all := make([]*Placed, len(names))
	for i, name := range names {
		wg.Go(func() { all[i] = placedOn(m, name, cluster, build) })
	}
	wg.Wait()
	for i, name := range names {
		r.Placed[name] = all[i]
	}
	r.claim(names)
	r.holdNamespaces(names)
	return r
}

// hold decides whether anything may be deleted at all. What cannot be read
// might place anything here; what is missing is no consent.
func (r *Resolution) hold(m *model.Model) {
	if m.Clusters[r.Cluster] == nil {
		r.HoldAllDeletes, r.HoldReason = true, fmt.Sprintf("cluster %q is not in the fleet", r.Cluster)
		return
	}
	if m.Clusters[r.Cluster].Spec.Decommission {
		return
	}
	for _, p := range m.Problems {
		if p.Kind == api.KindPlacement || p.Kind == api.KindClusterSet {
			r.HoldAllDeletes, r.HoldReason = true, p.Error()
			return
		}
	}
}

// claim writes the map from object to placement. An object of two placements
// belongs to neither, whichever came first: who wins must not depend on a name.
func (r *Resolution) claim(names []string) {
	claims := map[ObjectID][]string{}
	for _, name := range names {
		if build := r.Placed[name].Build; build != nil {
			for _, o := range build.Objects {
				claims[o.ID()] = append(claims[o.ID()], name)
			}
		}
	}
	for id, claimants := range claims {
		if len(claimants) == 1 {
			r.Owners[id] = claimants[0]
			continue
		}
		r.Conflicts[id] = claimants
		for _, name := range claimants {
			others := slices.DeleteFunc(slices.Clone(claimants), func(other string) bool { return other == name })
			r.Placed[name].Conflicts = append(r.Placed[name].Conflicts, Conflict{ID: id, With: others})
		}
	}
	for _, placed := range r.Placed {
		slices.SortFunc(placed.Conflicts, func(a, b Conflict) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	}
}

func (r *Resolution) holdNamespaces(names []string) {
	for _, name := range names {
		placed := r.Placed[name]
		if placed.Err == nil {
			continue
		}
		held := placed.Placement.Spec.AllNamespaces()
		if len(placed.Placement.Spec.ClusterResources()) > 0 {
			held = append(slices.Clone(held), "")
		}
		for _, namespace := range held {
			if _, ok := r.HeldNamespaces[namespace]; !ok {
				r.HeldNamespaces[namespace] = name
			}
		}
	}
}

// Owner returns the placement that may apply an object.
func (r *Resolution) Owner(id ObjectID) (placement string, ok bool) {
	placement, ok = r.Owners[id]
	return placement, ok
}

// MayDelete reports whether an object may be pruned at this resolution, and if
// not, why. A namespaces's own object is held with what is in it.
func (r *Resolution) MayDelete(id ObjectID) (ok bool, reason string) {
	if r.HoldAllDeletes {
		return false, r.HoldReason
	}
	if owner, ok := r.Owners[id]; ok {
		return false, fmt.Sprintf("placement %q has it", owner)
	}
	if claimants, ok := r.Conflicts[id]; ok {
		return false, fmt.Sprintf("placements %s claim it", strings.Join(claimants, ", "))
	}
	namespace := id.Namespace
	if id.Group == "" && id.Kind == "Namespace" {
		namespace = id.Name
	}
	for _, held := range []string{namespace, id.Namespace} {
		if failing, ok := r.HeldNamespaces[held]; ok {
			return false, fmt.Sprintf("placement %q does not build", failing)
		}
	}
	return true, ""
}

// Building returns the placements whose builds were not waited for, sorted.
func (r *Resolution) Building() []string {
	return slices.DeleteFunc(r.Failing(), func(name string) bool { return !errors.Is(r.Placed[name].Err, ErrBuilding) })
}

// Undecided reports whether a placement whose build is under way may turn out to
// claim an object, too: it stands in a namespace of that placement, or outside of
// all and the placement may have such objects.
func (r *Resolution) Undecided(id ObjectID) bool {
	return slices.ContainsFunc(r.Building(), func(name string) bool {
		p := r.Placed[name].Placement
		if id.Namespace == "" {
			return len(p.Spec.ClusterResources()) > 0 || slices.Contains(p.Spec.AllNamespaces(), id.Name)
		}
		return slices.Contains(p.Spec.AllNamespaces(), id.Namespace)
	})
}

// Failing returns the placements that do not build, sorted.
func (r *Resolution) Failing() []string {
	var failing []string
	for _, name := range slices.Sorted(maps.Keys(r.Placed)) {
		if r.Placed[name].Err != nil {
			failing = append(failing, name)
		}
	}
	return failing
}
