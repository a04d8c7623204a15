package console

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/console/wizard"
	"github.com/bulla-dev/bulla/desk/values"
)

// making is how values of a change come to be.
type making struct {
	// Length and Alphabet of what the browser makes, as they were written; "" as each was
	// made before, else [usual].
	Length, Alphabet string
	Recipes          values.Recipes
	// Wrong is what of it cannot be.
	Wrong *problem
}

// usual is a value that nobody guesses, and that every program takes.
var usual = values.Recipe{Length: 32, Alphabet: "alnum"}

// Alphabets are those that there are, in words.
func (making) Alphabets() []wizard.Alphabet { return wizard.Alphabets() }

// choose reads which values change, and which of them the browser makes. What is made is
// given anew, ticked or not.
func (o *change) choose(f url.Values) error {
	o.Length, o.Alphabet = strings.TrimSpace(f.Get("length")), f.Get("alphabet")
	o.Recipes = values.Recipes{}
	for _, key := range slices.Concat(f["key"], f["make"]) {
		if !slices.ContainsFunc(o.Values, func(v changeable) bool { return v.Key == key }) {
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
	if len(o.keys()) == 0 {
		return draft.ErrNoKey
	}
	return nil
}

// recipe is how a value is made: as it was asked, else as it was made before.
func (o *change) recipe(v changeable) (values.Recipe, error) {
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

func (o *change) keys() (keys []string) {
	for _, v := range o.Values {
		if v.Chosen {
			keys = append(keys, v.Key)
		}
	}
	return keys
}

// again is what was chosen, as the page's address has it.
func (o *change) again() url.Values {
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

func (o *change) path() string {
	return sealed.Ref{Placement: o.Placement, Namespace: o.Namespace, Name: o.Name}.Path()
}
