package console

import (
	"github.com/bulla-dev/bulla/console/draft"
	lock "github.com/bulla-dev/bulla/sealing"
)

// chosenTargets reads those of a form, of which there is at least one.
func chosenTargets(texts []string) (targets []lock.Target, err error) {
	for _, text := range texts {
		target, err := lock.ParseTarget(text)
		if err != nil {
			return nil, err
		}
		targets = append(targets, target)
	}
	if len(targets) == 0 {
		return nil, draft.ErrNoTarget
	}
	return targets, nil
}
