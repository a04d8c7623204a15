package sealjob

import (
	"maps"

	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/desk/values"
)

// WithRecipes writes into the sealed file how the values that were made are made again.
// One that somebody brought has no recipe: what another program knows too must not be
// replaced by what it does not know.
func (j *Job) WithRecipes(data []byte, made values.Recipes) ([]byte, error) {
	recipes, err := stub.Recipes(j.Where.File, j.Where.Stub)
	if err != nil {
		return nil, err
	}
	for key := range j.What.Values {
		delete(recipes, key)
	}
	for _, key := range j.What.Without {
		delete(recipes, key)
	}
	maps.Copy(recipes, made)
	return stub.SetRecipes(j.Where.File, data, recipes)
}
