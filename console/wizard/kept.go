package wizard

import (
	"cmp"
	"context"
	"net/url"
	"slices"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/naming"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/kustomize"
)

// Alphabet is what a generated value is made of, in words.
type Alphabet struct{ Name, Label string }

// inWords are the alphabets, which flags name.
var inWords = map[string]string{"alnum": "letters and digits", "base64url": "letters, digits, - and _",
	"digits": "digits alone", "hex": "0 to 9 and a to f", "printable": "letters, digits and signs"}

// InWords is an alphabet for people.
func InWords(alphabet string) string { return cmp.Or(inWords[alphabet], alphabet) }

// Alphabets are all that there are.
func Alphabets() (all []Alphabet) {
	for _, name := range values.Alphabets() {
		all = append(all, Alphabet{name, InWords(name)})
	}
	return all
}

// Has reports whether a value of a field is chosen.
func (v *Wizard) Has(field, value string) bool { return slices.Contains(v.Chosen[field], value) }

// Way is the chosen one, or what suits the kind of secret.
func (v *Wizard) Way() string {
	if way := v.Chosen.Get("way"); way != "" {
		return way
	}
	switch draft.Shape(v.Chosen.Get("shape")) {
	case draft.TLS, draft.SSH, draft.File:
		return "volume"
	case draft.Registry:
		return "none"
	}
	return "env"
}

// Gets reports whether a workload is chosen. All are until somebody chose.
func (v *Wizard) Gets(kind, name string) bool {
	return !v.Chosen.Has("way") || v.Has("workload", kind+"/"+name)
}

// Mode of the files; "" is a choice too.
func (v *Wizard) Mode() string {
	if v.Chosen.Has("mode") {
		return v.Chosen.Get("mode")
	}
	return "0400"
}

// Singly reports whether single clusters are to be seen at once.
func (v *Wizard) Singly() bool { return len(v.Loose) > 0 || v.Chosen.Has("cluster") }

// LooseNames are some of them, in words.
func (v *Wizard) LooseNames() string { return naming.Some(v.Loose) }

func (v *Wizard) loose(s *clone.Snapshot, on []string) {
	var sets []string
	for _, t := range s.Model.LiveTargets(v.Chosen.Get("application")) {
		if t.ClusterSet != "" {
			sets = append(sets, t.ClusterSet)
		}
	}
	for _, cluster := range on {
		if !slices.ContainsFunc(sets, func(set string) bool { return slices.Contains(s.Model.Members(set), cluster) }) {
			v.Loose = append(v.Loose, cluster)
		}
	}
	// The first line would be refused: what stands chosen is a set that has them all.
	if i := slices.IndexFunc(v.Sets, func(o setOf) bool { return o.Meets == len(on) }); i >= 0 && len(v.Loose) > 0 &&
		!v.Chosen.Has("set") && !v.Chosen.Has("cluster") {
		v.Chosen.Set("set", v.Sets[i].Name)
	}
}

// BegunAt is the last step before the values, with all that was chosen.
func BegunAt(chosen url.Values) string {
	kept := url.Values{}
	for _, names := range fieldsOfStep {
		for _, name := range names {
			if chosen.Has(name) {
				kept[name] = chosen[name]
			}
		}
	}
	return "/new?" + kept.Encode()
}

// early is what is wrong with a step that was left: it is told there, not at the end. The
// step that has it is shown.
func (v *Wizard) early(ctx context.Context, b *kustomize.Builder, s *clone.Snapshot) error {
	choice, err := ChoiceOf(v.Chosen)
	if err == nil {
		err = choice.Check()
	}
	if err == nil && v.At > 2 {
		err = Known(ctx, b, s, choice)
	}
	if err == nil || StepOf(err) >= v.At {
		return nil
	}
	v.At = StepOf(err)
	return err
}
