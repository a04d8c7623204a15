package wizard

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/values"
)

// Changeable is a value that is sealed. Recipe is how it is made; "" for by hand.
type Changeable struct {
	Key, Recipe string
	// Chosen is given anew, Made by the browser.
	Chosen, Made bool
}

// Anew is which values of a secret change, and how they come to be.
type Anew struct {
	Values []Changeable
	// Length and Alphabet of what the browser makes, as they were written; "" as each was
	// made before, else 32 letters and digits.
	Length, Alphabet string
	Recipes          values.Recipes
}

// usual is a value that nobody guesses, and that every program takes.
var usual = values.Recipe{Length: 32, Alphabet: "alnum"}

// Alphabets are those that there are, in words.
func (Anew) Alphabets() []Alphabet { return Alphabets() }

// Made are those that a program made.
func (o Anew) Made() (keys []string) {
	for _, v := range o.Values {
		if v.Recipe != "" {
			keys = append(keys, v.Key)
		}
	}
	return keys
}

// Choose reads which values change, and which of them the browser makes. What is made is
// given anew, ticked or not.
func (o *Anew) Choose(f url.Values) error {
	o.Length, o.Alphabet = strings.TrimSpace(f.Get("length")), f.Get("alphabet")
	o.Recipes = values.Recipes{}
	for _, key := range slices.Concat(f["key"], f["make"]) {
		if !slices.ContainsFunc(o.Values, func(v Changeable) bool { return v.Key == key }) {
			return fault.New("choose among those that are shown", "the secret has no value %.60q", key)
		}
	}
	for i := range o.Values {
		v := &o.Values[i]
		v.Made = slices.Contains(f["make"], v.Key)
		if v.Chosen = v.Made || slices.Contains(f["key"], v.Key); !v.Made {
			continue
		}
		recipe, err := o.recipe(*v)
		if err != nil {
			return err
		}
		o.Recipes[v.Key] = recipe
	}
	if len(o.Keys()) == 0 {
		return draft.ErrNoKey
	}
	return nil
}

// recipe is how a value is made: as it was asked, else as it was made before.
func (o *Anew) recipe(v Changeable) (values.Recipe, error) {
	recipe := usual
	if before, err := values.ParseRecipes(v.Key + "=" + v.Recipe); err == nil {
		recipe = before[v.Key]
	}
	recipe.Alphabet = cmp.Or(o.Alphabet, recipe.Alphabet)
	if o.Length != "" {
		var err error
		if recipe.Length, err = strconv.Atoi(o.Length); err != nil {
			return recipe, fault.New("write digits, as 32", "%.40q is no length", o.Length)
		}
	}
	if err := recipe.Check(); err != nil {
		return recipe, fault.WithHint(err, "32 letters and digits are enough for anything")
	}
	return recipe, nil
}

// Keys are those that are given anew, sorted as they stand.
func (o *Anew) Keys() (keys []string) {
	for _, v := range o.Values {
		if v.Chosen {
			keys = append(keys, v.Key)
		}
	}
	return keys
}

// Again is what was chosen, as the page's address has it.
func (o *Anew) Again() url.Values {
	f := url.Values{}
	for _, v := range o.Values {
		if v.Chosen {
			f.Add("key", v.Key)
		}
		if v.Made {
			f.Add("make", v.Key)
		}
	}
	if o.Length != "" {
		f.Set("length", o.Length)
	}
	if o.Alphabet != "" {
		f.Set("alphabet", o.Alphabet)
	}
	return f
}
