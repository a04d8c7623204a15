package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/closest"
	api "github.com/bulla-dev/bulla/api/fleet"
)

// Weight is how much a fault of a wave counts.
type Weight int

// Holds: clusters after the wave get no release any more, which nobody meant. Harmless:
// nobody comes after it. Rests: its clusters are suspended, which somebody did mean, and
// in a hurry: that commit is not to be stopped.
const (
	Holds Weight = iota
	Harmless
	Rests
)

// WaveFault is a wave that no cluster can pass: the key service lets nobody begin for an
// empty one, and who checks a fleet and who plans a change say why in the same words.
type WaveFault struct {
	// Wave counts from 0, in the order of the file.
	Wave          int
	Weight        Weight
	Problem, Hint string
}

// WaveFaults are those of a placement, in order. What follows from a file that is
// refused is none: that file is a [Problem].
func (m *Model) WaveFaults(placement string) (all []WaveFault) {
	waves := m.Waves(placement)
	for i, w := range waves {
		if len(w.Clusters) > 0 || w.Of() == "rest" || m.unsure(w.RolloutWave) {
			continue
		}
		fault := WaveFault{Wave: i, Weight: Harmless}
		if slices.ContainsFunc(waves[i:], func(w Wave) bool { return len(w.Clusters) > 0 }) {
			fault.Weight = Holds
		}
		switch {
		case w.ClusterSet != "" && m.Sets[w.ClusterSet] == nil:
			fault.Weight = Holds // as of a target: a set is never meant to be missing
			fault.Problem = fmt.Sprintf("cluster set %q does not exist", w.ClusterSet)
			fault.Hint = closest.Hint(w.ClusterSet, slices.Sorted(maps.Keys(m.Sets))) +
				"clustersets/" + w.ClusterSet + ".yaml makes one"
		case len(w.Suspended) > 0:
			if fault.Weight == Holds {
				fault.Problem, fault.Hint = m.resting(placement, w)
				fault.Weight = Rests
			}
		default:
			fault.Problem, fault.Hint = m.emptyWave(placement, w.RolloutWave)
			if fault.Weight == Holds {
				fault.Problem += ": the clusters after it get no release any more"
			}
		}
		if fault.Problem != "" {
			all = append(all, fault)
		}
	}
	return all
}

// unsure: who is in the wave is not known while a file that says so is refused.
func (m *Model) unsure(w api.RolloutWave) bool {
	if w.ClusterName != "" {
		return m.Refused(api.KindCluster, w.ClusterName) != nil
	}
	return m.MembersRefused(w.ClusterSet)
}

func (m *Model) resting(placement string, w Wave) (problem, hint string) {
	names := strings.Join(w.Suspended[:min(len(w.Suspended), namedClusters)], ", ")
	if more := len(w.Suspended) - namedClusters; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("the wave's clusters are all suspended (%s): nobody shows that a release is good, and "+
			"the clusters after it get none", names),
		fmt.Sprintf("take the wave out or name another cluster in it, in this commit or the next; "+
			"`bulla rollout promote %s` lets one release by", placement)
}

// namedClusters bounds how many clusters a line names.
const namedClusters = 5

// emptyWave says why a wave has no cluster, suspended or not.
func (m *Model) emptyWave(placement string, w api.RolloutWave) (problem, hint string) {
	targets := m.TargetsOf(placement)
	if w.ClusterName != "" {
		if problem, hint = m.NotOn(placement, w.ClusterName); problem != "" {
			return problem, hint + ", or take the wave out"
		}
		return fmt.Sprintf("cluster %q is in a wave before", w.ClusterName),
			"take the wave out, or put it before that one"
	}
	members := m.Members(w.ClusterSet)
	switch {
	case len(members) == 0:
		return fmt.Sprintf("cluster set %q is empty", w.ClusterSet),
			"give a cluster the labels that it selects, or take the wave out"
	case !slices.ContainsFunc(members, func(name string) bool { return slices.Contains(targets, name) }):
		return fmt.Sprintf("no cluster of set %q is one of this placement's clusters", w.ClusterSet),
			fmt.Sprintf("`bulla place %s --set %s` places it there; or take the wave out", placement, w.ClusterSet)
	}
	return fmt.Sprintf("all clusters of set %q are in waves before", w.ClusterSet),
		"take the wave out, or put it before those"
}

// NotOn says why a cluster that something in a placement names is none of the placement's:
// it is not in the fleet, or not placed on. problem is "" for one that is.
func (m *Model) NotOn(placement, cluster string) (problem, hint string) {
	targets := m.TargetsOf(placement)
	switch c := m.Clusters[cluster]; {
	case slices.Contains(targets, cluster):
		return "", ""
	case c == nil:
		return fmt.Sprintf("cluster %q is not in the fleet", cluster),
			closest.Hint(cluster, slices.Sorted(maps.Keys(m.Clusters))) + "`bulla cluster add` makes one"
	case c.Spec.Decommission:
		return fmt.Sprintf("cluster %q is being decommissioned, and has no placement any more", cluster),
			"name another cluster"
	}
	return fmt.Sprintf("cluster %q is not one of this placement's clusters", cluster),
		closest.Hint(cluster, targets) + fmt.Sprintf("`bulla place %s --cluster %s` places it there", placement, cluster)
}
