package plan

import (
	"maps"
	"reflect"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/reach"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// touched are the placements that have to be built for a plan: those of which anything
// can have changed, and those that may claim an object together with one of them, or with
// one of those, and so on. All others build the same on both sides, for the same
// clusters, and none that is built can take an object from them: they change nothing.
//
// all is set where that cannot be said of any.
func touched(base, head *Side) (names map[string]bool, all bool) {
	changes := tree.Changes(base.Tree, head.Tree)
	if !base.Model.Now().Equal(head.Model.Now()) || slices.ContainsFunc(changes, everywhere) {
		return nil, true
	}
	names = map[string]bool{}
	for _, name := range changedClusters(base, head) {
		for _, side := range []*Side{base, head} {
			for _, placed := range side.Model.PlacedOn(name) {
				names[placed] = true
			}
		}
	}
	finder := reach.In(base.Tree)
	for _, name := range placementsOf(base, head) {
		was, is := base.Model.Placements[name], head.Model.Placements[name]
		if was == nil || is == nil || !samePlacement(was, is) {
			names[name] = true
			continue
		}
		if paths, known := finder.Of(was); !known || reach.Touched(paths, changes) {
			names[name] = true
		}
	}
	spread(names, base, head)
	return names, false
}

// everywhere: the fleet's keys, or who is in which set. Every grant hangs on both.
func everywhere(change string) bool {
	return change == "" || change == tree.FleetFile || reach.Within(change, tree.ClusterSets)
}

// changedClusters are those whose files say something else, or stand on one side only.
func changedClusters(base, head *Side) (names []string) {
	for name, was := range base.Model.Clusters {
		// One loader reads both sides, and what did not change is read once.
		if is := head.Model.Clusters[name]; was != is && !reflect.DeepEqual(was, is) {
			names = append(names, name)
		}
	}
	for name := range head.Model.Clusters {
		if base.Model.Clusters[name] == nil {
			names = append(names, name)
		}
	}
	return names
}

func placementsOf(base, head *Side) []string {
	names := maps.Clone(base.Model.Placements)
	maps.Copy(names, head.Model.Placements)
	return slices.Sorted(maps.Keys(names))
}

func samePlacement(was, is *api.Placement) bool { return was == is || reflect.DeepEqual(was, is) }

// spread adds the placements that share a namespace with one of some, or kinds without
// one, over as many steps as there are: what a second one claims is of neither, and what
// a third one claims of the second's has that one grant nothing.
func spread(names map[string]bool, base, head *Side) {
	in := map[string][]string{} // placements, by namespace
	of := map[string][]string{} // namespaces, by placement
	all := map[string]bool{}
	for _, side := range []*Side{base, head} {
		for name, p := range side.Model.Placements {
			of[name] = append(of[name], spaces(p)...)
			for _, namespace := range of[name] {
				all[namespace] = true
			}
		}
	}
	for _, side := range []*Side{base, head} {
		for name, p := range side.Model.Placements {
			if claimsNamespaces(p) {
				of[name] = slices.Collect(maps.Keys(all))
			}
		}
	}
	for name, namespaces := range of {
		for _, namespace := range namespaces {
			in[namespace] = append(in[namespace], name)
		}
	}
	next := slices.Collect(maps.Keys(names))
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		for _, namespace := range of[name] {
			for _, other := range in[namespace] {
				if !names[other] {
					names[other] = true
					next = append(next, other)
				}
			}
			delete(in, namespace) // all of it is in
		}
	}
}

// spaces are where a placement's objects may stand; "" is for those without a namespace.
func spaces(p *api.Placement) []string {
	all := p.Spec.AllNamespaces()
	if len(p.Spec.ClusterResources()) > 0 {
		all = append(all, "")
	}
	return all
}

// claimsNamespaces says whether a placement may build the Namespace of any other. That one
// may build it too, without a line that says so.
func claimsNamespaces(p *api.Placement) bool {
	return slices.Contains(p.Spec.ClusterResources(), "Namespace")
}
