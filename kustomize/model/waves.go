package model

import (
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Wave is one wave of a placement's rollout, with the clusters that it has now.
type Wave struct {
	api.RolloutWave

	// Clusters are those that the placement targets, sorted, without the suspended:
	// nobody hears of those whether they are Ready.
	Clusters []string
	// Suspended are those that the wave would have besides, sorted.
	Suspended []string
}

// Waves are the waves of a placement's rollout, in order; nil for none. Clusters that no
// wave names are one more, the last.
func (m *Model) Waves(placement string) []Wave {
	p := m.Placements[placement]
	if p == nil || p.Spec.Rollout == nil {
		return nil
	}
	var left, rest []string
	for _, name := range m.TargetsOf(placement) {
		if m.Clusters[name].Spec.Suspend {
			rest = append(rest, name)
		} else {
			left = append(left, name)
		}
	}
	var waves []Wave
	for _, w := range p.Spec.Rollout.Waves {
		wave := Wave{RolloutWave: w}
		wave.Clusters, left = m.split(w, left)
		wave.Suspended, rest = m.split(w, rest)
		waves = append(waves, wave)
	}
	if len(left) > 0 {
		waves = append(waves, Wave{Clusters: left})
	}
	return waves
}

// split parts clusters by whether a wave has them.
func (m *Model) split(w api.RolloutWave, clusters []string) (in, out []string) {
	members := m.Members(w.ClusterSet)
	for _, name := range clusters {
		_, member := slices.BinarySearch(members, name)
		if member || w.Of() == "rest" || name == w.ClusterName {
			in = append(in, name)
		} else {
			out = append(out, name)
		}
	}
	return in, out
}
