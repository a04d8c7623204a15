package sealcmd

import (
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/desk/values"
)

// recipes writes into the stub how the values that were made here are made again. One
// that somebody brought has no recipe: what another program knows too must not be
// replaced by what it does not know.
func (w what) recipes(job *sealjob.Job, data []byte) ([]byte, error) {
	made := values.Recipes{}
	for _, one := range w.pending {
		if one.recipe != nil {
			made[one.key] = *one.recipe
		}
	}
	return job.WithRecipes(data, made)
}
