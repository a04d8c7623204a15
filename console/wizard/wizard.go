// Package wizard is what the steps before the values show, and how what was chosen on them is
// read: from the fields of an address to a [draft.Choice].
//
// All of it is public: values are asked for after it, on a page of their own.
package wizard

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/workload"
)

// Steps are those of the wizard.
var Steps = []string{"Application", "Secret", "Delivery", "Clusters", "Values", "Preview"}

// Wizard is what the steps before the values show. All that was chosen stands in the
// address: Back works, and a link can be sent.
type Wizard struct {
	Steps []string
	At    int
	// Chosen are the fields of the address; Kept those of other steps than this one.
	Chosen url.Values
	Kept   map[string][]string
	// Wrong is what cannot be, and Do what to do about it.
	Wrong, Do string

	Applications []application
	Shapes       []shapeOf
	Alphabets    []Alphabet
	Workloads    []workloadOf
	Sets         []setOf
	Clusters     []string
	// NoneSingly says that no single cluster can be chosen: the fleet has no recovery recipient.
	NoneSingly bool
	// Loose are clusters of the application that no set has which it is placed on.
	Loose []string
}

type application struct {
	Name, Namespace string
	Clusters        int
}

// shapeOf is one kind of secret, in words.
type shapeOf struct{ Shape, Label, Help string }

var shapeTexts = []shapeOf{
	{"password", "A password or a token", "you type it; one value or several"},
	{"generate", "A generated value", "your browser makes it, and nobody sees it"},
	{"env", "A .env file", "you paste it; each line becomes a value"},
	{"tls", "A TLS certificate and its key", "two PEM files"},
	{"registry", "A login to a container registry", "to pull images"},
	{"ssh", "An SSH private key", "for Git or a server"},
	{"basic", "A user and a password", "basic authentication"},
	{"file", "A file", "such as a keystore; any bytes"},
}

// workloadOf is one that runs pods, and the Secrets that it reads today.
type workloadOf struct {
	Kind, Name string
	Reads      []string
}

type setOf struct {
	Name    string
	Members int
	// Meets is how many of them the application is on.
	Meets int
}

// fieldsOfStep are the names of the address that each step has.
var fieldsOfStep = [][]string{{"application"}, {"shape", "name", "keys", "length", "alphabet"},
	{"way", "workload", "prefix", "path", "mode"}, {"set", "cluster"}}

// New is the wizard at the step that what was chosen leads to. wrong is told at its step.
func New(
	ctx context.Context, b *kustomize.Builder, s *clone.Snapshot, chosen url.Values, wrong error,
) (*Wizard, error) {
	v := &Wizard{Steps: Steps, Chosen: chosen, Kept: map[string][]string{}, Alphabets: Alphabets()}
	v.At = v.step(s)
	if wrong == nil {
		wrong = v.early(ctx, b, s)
	}
	if wrong != nil {
		v.Wrong, v.Do = wrong.Error(), fault.Hint(wrong)
	}
	for step, names := range fieldsOfStep {
		for _, name := range names {
			if step != v.At && len(chosen[name]) > 0 {
				v.Kept[name] = chosen[name]
			}
		}
	}
	switch v.At {
	case 0:
		v.applications(s)
	case 1:
		v.Shapes = shapeTexts
	case 2:
		if err := v.workloads(ctx, b, s); err != nil {
			return nil, err
		}
	case 3:
		v.sets(s)
	}
	return v, nil
}

// Known wants the application to have every workload of a choice: one that it does not build
// is told at its step, and not by a build that fails behind the last one.
func Known(ctx context.Context, b *kustomize.Builder, s *clone.Snapshot, c draft.Choice) error {
	if len(c.Deliver) == 0 || s.Model.Placements[c.Placement] == nil {
		return nil
	}
	v := &Wizard{Chosen: url.Values{"application": {c.Placement}}}
	if err := v.workloads(ctx, b, s); err != nil {
		return err
	}
	for _, d := range c.Deliver {
		if !slices.ContainsFunc(v.Workloads, func(w workloadOf) bool {
			return w.Kind == d.Workload.Kind && w.Name == d.Workload.Name
		}) {
			return draft.Wrong("workload", fault.NewUsage("choose among those that are shown", "%s has no %s %.60q", c.Placement,
				d.Workload.Kind, d.Workload.Name))
		}
	}
	return nil
}

// step is the one that was asked for, or the first that lacks something.
func (v *Wizard) step(s *clone.Snapshot) int {
	first := 3
	switch {
	case s.Model.Placements[v.Chosen.Get("application")] == nil:
		first = 0
	case v.Chosen.Get("shape") == "" || v.Chosen.Get("name") == "":
		first = 1
	case v.Chosen.Get("way") == "":
		first = 2
	}
	if at, err := strconv.Atoi(v.Chosen.Get("step")); err == nil && at >= 0 && at < first {
		return at
	}
	return first
}

// Before is the step before this one.
func (v *Wizard) Before() int { return v.At - 1 }

func (v *Wizard) applications(s *clone.Snapshot) {
	for _, name := range slices.Sorted(maps.Keys(s.Model.Placements)) {
		p := s.Model.Placements[name]
		v.Applications = append(v.Applications, application{name, p.Spec.TargetNamespace, len(s.Model.TargetsOf(name))})
	}
}

// workloads are those that the application builds. A wire is made before kustomize renames:
// names are those of the files.
func (v *Wizard) workloads(ctx context.Context, b *kustomize.Builder, s *clone.Snapshot) error {
	build, err := b.Build(ctx, s.Tree, s.Model.Placements[v.Chosen.Get("application")])
	if err != nil {
		return err
	}
	written := draft.Workloads(s.Tree)
	for _, object := range build.Objects {
		if len(workload.Templates(object.Object)) == 0 {
			continue
		}
		o := workloadOf{Kind: object.GetKind(), Name: draft.Written(written, object.GetKind(), object.GetName())}
		for _, ref := range workload.Reads(object.Object) {
			if ref.Kind == workload.Secret && !slices.Contains(o.Reads, ref.Name) {
				o.Reads = append(o.Reads, ref.Name)
			}
		}
		v.Workloads = append(v.Workloads, o)
	}
	return nil
}

func (v *Wizard) sets(s *clone.Snapshot) {
	on := s.Model.TargetsOf(v.Chosen.Get("application"))
	for _, name := range slices.Sorted(maps.Keys(s.Model.Sets)) {
		o := setOf{Name: name}
		for _, member := range s.Model.Members(name) {
			if o.Members++; slices.Contains(on, member) {
				o.Meets++
			}
		}
		v.Sets = append(v.Sets, o)
	}
	if v.NoneSingly = len(s.Model.Fleet.Spec.RecoveryRecipients) == 0; !v.NoneSingly {
		v.Clusters = on
	}
	v.loose(s, on)
}
