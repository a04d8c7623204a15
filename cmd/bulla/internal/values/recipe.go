package values

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

// Recipe is how a value was made, and can be made again: so many characters of the
// alphabet of that name. It says nothing of the value itself.
type Recipe struct {
	Length   int
	Alphabet string
}

// String writes it as [ParseRecipe] reads it: "32,alnum".
func (r Recipe) String() string { return strconv.Itoa(r.Length) + "," + r.Alphabet }

// ParseRecipe reads "32,alnum".
func ParseRecipe(text string) (Recipe, error) {
	length, alphabet, ok := strings.Cut(text, ",")
	n, err := strconv.Atoi(length)
	if !ok || err != nil {
		return Recipe{}, fmt.Errorf("%.40q says no length and alphabet, as 32,alnum does", text)
	}
	r := Recipe{n, alphabet}
	if _, known := alphabets[alphabet]; !known {
		return r, fmt.Errorf("alphabet %.40q is none of %s", alphabet, strings.Join(Alphabets(), ", "))
	}
	if n < 1 || n > maxGenerated {
		return r, fmt.Errorf("a value has 1 to %d characters, not %d", maxGenerated, n)
	}
	return r, nil
}

// Make makes a value. Bits is what somebody must guess.
func (r Recipe) Make() (value []byte, bits float64, err error) { return Generate(r.Length, r.Alphabet) }

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
		r, err := ParseRecipe(recipe)
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
