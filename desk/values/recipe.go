package values

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/sealing/value"
)

// Recipes are those of a stub's keys.
type Recipes map[string]Recipe

// ParseRecipes reads what [Recipes.String] writes.
func ParseRecipes(text string) (Recipes, error) {
	all := Recipes{}
	for _, one := range strings.Fields(text) {
		key, recipe, ok := strings.Cut(one, "=")
		if !ok || CheckKey(key) != nil {
			return nil, fault.New("write KEY=LENGTH,ALPHABET, with a space between two", "%.60q names no key and recipe", one)
		}
		if _, twice := all[key]; twice {
			return nil, fmt.Errorf("key %s stands there twice", key)
		}
		r, err := value.ParseRecipe(recipe)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", key, err)
		}
		all[key] = r
	}
	return all, nil
}

// String writes them, sorted by key: "password=32,alnum token=40,base64url".
func (r Recipes) String() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(r)) {
		words = append(words, key+"="+r[key].String())
	}
	return strings.Join(words, " ")
}
