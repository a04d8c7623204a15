// Package reached counts on which clusters a merged change is, and in use.
package reached

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/reach"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Reached is how far a change came on the clusters that it is for.
type Reached struct {
	// All clusters that it is for, Done that have it, InUse that have every secret of it in
	// use, where a workload reads it. Gone are those of Done from which it took the
	// application.
	All, Done, InUse, Gone int
	// Bare: no cluster has a secret of it, as where one was taken away.
	Bare bool
	// Applications that it is about.
	Applications []string
	// Lacking are clusters that do not have it, at most ten, and why, where it is known.
	Lacking []string
	// Waves are how far each wave is, where the change is about one application that has some.
	Waves []Wave

	took map[string]bool // the clusters that have it
}

// Wave is how many of a wave's clusters have it.
type Wave struct {
	Name      string
	Done, All int
}

// InWaves counts by wave, in their order.
func (d *Reached) InWaves(waves []model.Wave) {
	for _, w := range waves {
		one := Wave{Name: w.String(), All: len(w.Clusters)}
		for _, name := range w.Clusters {
			if d.took[name] {
				one.Done++
			}
		}
		d.Waves = append(d.Waves, one)
	}
}

// mostLacking clusters are named.
const mostLacking = 10

// Affected are the placements that changed files are of: their own, and those whose builds
// can ask for one. What is of no placement in particular, such as a Cluster file, is of all:
// nil.
func Affected(s *clone.Snapshot, paths []string) []string {
	names := map[string]bool{}
	for _, path := range paths {
		switch {
		case path == tree.FleetFile, reach.Within(path, tree.Clusters), reach.Within(path, tree.ClusterSets):
			return nil
		case reach.Within(path, tree.Placements):
			// As files are named where one is gone, and nothing else has its name.
			names[strings.TrimSuffix(strings.TrimPrefix(path, tree.Placements+"/"), ".yaml")] = true
		}
	}
	finder := reach.In(s.Tree)
	for name, placement := range s.Model.Placements {
		if asked, known := finder.Of(placement); !known || reach.Touched(asked, paths) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// On counts. has says whether a commit has another one in its history.
func On(
	ctx context.Context, has func(ctx context.Context, commit, earlier string) (bool, error),
	status *ledger.Status, placements []string, merged string,
) (d Reached, err error) {
	d.Applications, d.Bare, d.took = placements, true, map[string]bool{}
	isOf := func(placement string) bool { return len(placements) == 0 || slices.Contains(placements, placement) }
	targets := map[string]bool{}
	for _, one := range status.Placements {
		for _, name := range one.Clusters {
			targets[name] = targets[name] || isOf(one.Name)
		}
	}
	heads := map[string]bool{}
	for _, cluster := range status.Clusters {
		// What a placement left behind on a cluster that it does not target any more goes too.
		left := slices.ContainsFunc(cluster.Secrets, func(s ledger.Secret) bool {
			return slices.Contains(placements, s.Placement)
		})
		if cluster.Standing == ledger.Left || !targets[cluster.Name] && !left {
			continue
		}
		d.All++
		if _, known := heads[cluster.Head]; !known {
			if heads[cluster.Head], err = has(ctx, cluster.Head, merged); err != nil {
				return d, err
			}
		}
		done, used, bare := stands(cluster, isOf)
		d.Bare = d.Bare && bare
		switch {
		case heads[cluster.Head] && done:
			d.Done++
			d.took[cluster.Name] = true
			switch {
			case bare && !targets[cluster.Name]:
				d.Gone++
			case used:
				d.InUse++
			}
		case len(d.Lacking) < mostLacking:
			d.Lacking = append(d.Lacking, cluster.Name)
		}
	}
	return d, nil
}

// stands says whether a cluster has what is placed there and nothing else of placements,
// whether all of it is in use, and whether there is none.
func stands(cluster ledger.Cluster, isOf func(placement string) bool) (done, used, bare bool) {
	done, used, bare = true, true, true
	for _, s := range cluster.Secrets {
		if !isOf(s.Placement) || s.Match == ledger.None {
			continue
		}
		bare = false
		done = done && s.Match == ledger.Current
		used = used && s.State == keyservicev1.SecretState_SECRET_STATE_IN_USE.Name()
	}
	return done, used && done, bare
}
