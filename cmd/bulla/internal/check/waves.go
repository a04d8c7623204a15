package check

import (
	"fmt"
	"strconv"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// checkWaves finds waves that nobody comes after: of a set that is not there, or without
// a cluster that the placement has.
func (g grants) checkWaves(name string) {
	p, file := g.model.Placements[name], g.placementFile(name)
	if p.Spec.Rollout == nil {
		return
	}
	for i, wave := range g.model.Waves(name) {
		at := Finding{
			File: file, Line: g.lineOf(file, "spec", "rollout", "waves", strconv.Itoa(i)),
			Field: fmt.Sprintf("spec.rollout.waves[%d]", i),
		}
		switch {
		case wave.ClusterSet != "" && g.setUnknown(wave.ClusterSet): // a finding of its own
		case wave.ClusterSet != "" && g.model.Sets[wave.ClusterSet] == nil:
			at.Problem = fmt.Sprintf("cluster set %q does not exist", wave.ClusterSet) +
				nearest(wave.ClusterSet, g.model.Sets, "clustersets/"+wave.ClusterSet+".yaml makes one")
			g.add(at)
		case len(wave.Clusters) == 0 && wave.Of() != "rest" && !g.refused(api.KindCluster, wave.ClusterName):
			at.Problem = "the wave has no cluster that this placement is on, " +
				"and that is not suspended or in a wave before: no wave after it ever begins; hint: take it out, or place it there"
			at.Warning = i == len(p.Spec.Rollout.Waves)-1 // nobody comes after it
			g.add(at)
		}
	}
}
