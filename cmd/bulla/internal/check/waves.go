package check

import (
	"fmt"
	"strconv"

	"github.com/bulla-dev/bulla/kustomize/model"
)

// checkWaves finds waves that no cluster passes.
func (g grants) checkWaves(name string) {
	file := g.placementFile(name)
	for _, fault := range g.model.WaveFaults(name) {
		at := strconv.Itoa(fault.Wave)
		g.add(Finding{
			Warning: fault.Weight == model.Harmless, Note: fault.Weight == model.Rests,
			File: file, Line: g.lineOf(file, "spec", "rollout", "waves", at),
			Field: fmt.Sprintf("spec.rollout.waves[%s]", at), Problem: fault.Problem + "; hint: " + fault.Hint,
		})
	}
}
