package check

import (
	"errors"

	"github.com/bulla-dev/bulla/kustomize/expression"
)

// checkExpressions finds CEL that a controller could not use.
func (g grants) checkExpressions(name string) {
	var mistake *expression.Mistake
	if _, err := expression.Of(g.model.Placements[name].Spec); errors.As(err, &mistake) {
		g.add(Finding{File: g.placementFile(name), Field: mistake.Field, Problem: mistake.Err.Error()})
	}
}
