package sealcmd

import (
	"github.com/bulla-dev/bulla/cmd/bulla/internal/sealjob"
	"github.com/bulla-dev/bulla/desk/stub"
)

// recipes writes into the stub how the values that were made here are made again. One
// that somebody brought has no recipe: what another program knows too must not be
// replaced by what it does not know.
func (w what) recipes(job *sealjob.Job, data []byte) ([]byte, error) {
	recipes, err := stub.Recipes(job.Where.File, job.Where.Stub)
	if err != nil {
		return nil, err
	}
	for key := range job.What.Values {
		delete(recipes, key)
	}
	for _, key := range job.What.Without {
		delete(recipes, key)
	}
	for _, one := range w.pending {
		if one.recipe != nil {
			recipes[one.key] = *one.recipe
		}
	}
	return stub.SetRecipes(job.Where.File, data, recipes)
}
