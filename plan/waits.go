package plan

import (
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// waveProblems are waves that hold those after them for good, by a mistake.
func (s *Side) waveProblems() (all []Problem) {
	for name := range s.Model.Placements {
		for _, fault := range s.Model.WaveFaults(name) {
			if fault.Weight == model.Holds {
				all = append(all, Problem{File: s.Model.Files[api.KindPlacement+"/"+name], Placement: name,
					Problem: fmt.Sprintf("spec.rollout.waves[%d]: %s", fault.Wave, fault.Problem), Hint: fault.Hint})
			}
		}
	}
	return all
}

// dependencyProblems are placements that wait for another one for ever.
func (s *Side) dependencyProblems() (all []Problem) {
	for name := range s.Model.Placements {
		for _, fault := range s.Model.DependencyFaults(name) {
			all = append(all, told(Problem{File: s.Model.Files[api.KindPlacement+"/"+name], Placement: name,
				Problem: fmt.Sprintf("spec.dependsOn[%d]: %s", fault.Dependency, fault.Problem)}))
		}
	}
	return all
}
