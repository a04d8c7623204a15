package console

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/values"
	"github.com/bulla-dev/bulla/kustomize/workload"
	lock "github.com/bulla-dev/bulla/sealing"
)

// wizard is what the steps before the values show. All that was chosen stands in the
// address: Back works, and a link can be sent.
type wizard struct {
	Steps []string
	At    int
	// Chosen are the fields of the address; Kept those of other steps than this one.
	Chosen url.Values
	Kept   map[string][]string
	// Wrong is what cannot be, and Do what to do about it.
	Wrong, Do string

	Applications []application
	Shapes       []shapeOf
	Alphabets    []alphabetOf
	Workloads    []workloadOf
	Sets         []setOf
	Clusters     []string
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

func (c *Console) newSecret(w http.ResponseWriter, r *http.Request) error {
	return c.wizard(w, r, r.URL.Query(), nil, http.StatusOK)
}

// makeDraft takes all choices together.
func (c *Console) makeDraft(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	r.PostForm.Del("csrf")
	choice, err := choiceOf(r.PostForm)
	if err == nil {
		choice.Begun = begunAt(r.PostForm)
		if err = c.begun(w, r, choice); err == nil {
			return nil
		}
	}
	r.PostForm.Set("step", strconv.Itoa(stepOf(err)))
	return c.wizard(w, r, r.PostForm, err, http.StatusUnprocessableEntity)
}

func (c *Console) wizard(w http.ResponseWriter, r *http.Request, chosen url.Values, wrong error, status int) error {
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return err
	}
	v := &wizard{Steps: steps, Chosen: chosen, Kept: map[string][]string{}, Alphabets: alphabets()}
	v.At = v.step(s)
	if wrong == nil {
		wrong = v.early()
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
		if err := v.workloads(r.Context(), c, s); err != nil {
			return err
		}
	case 3:
		v.sets(s)
	}
	return c.show(w, r, page{Template: "new.html", Title: "New secret", Section: "new", Body: v, Status: status})
}

// step is the one that was asked for, or the first that lacks something.
func (v *wizard) step(s *clone.Snapshot) int {
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
func (v *wizard) Before() int { return v.At - 1 }

func (v *wizard) applications(s *clone.Snapshot) {
	for _, name := range slices.Sorted(maps.Keys(s.Model.Placements)) {
		p := s.Model.Placements[name]
		v.Applications = append(v.Applications, application{name, p.Spec.TargetNamespace, len(s.Model.TargetsOf(name))})
	}
}

// workloads are those that the application builds. A wire is made before kustomize renames:
// names are those of the files.
func (v *wizard) workloads(ctx context.Context, c *Console, s *clone.Snapshot) error {
	build, err := c.clone.Builder().Build(ctx, s.Tree, s.Model.Placements[v.Chosen.Get("application")])
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

func (v *wizard) sets(s *clone.Snapshot) {
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
	if len(s.Model.Fleet.Spec.RecoveryRecipients) > 0 {
		v.Clusters = on
	}
	v.loose(s, on)
}

// choiceOf reads the wizard's fields.
func choiceOf(f url.Values) (draft.Choice, error) {
	c := draft.Choice{Kind: draft.New, Placement: f.Get("application"), Name: strings.TrimSpace(f.Get("name")),
		Shape: draft.Shape(f.Get("shape")), Recipes: values.Recipes{}}
	c.Keys = c.Shape.Fixed()
	if c.Keys == nil && c.Shape != draft.Env {
		c.Keys = strings.Fields(strings.ReplaceAll(f.Get("keys"), ",", " "))
	}
	if len(c.Keys) == 0 && c.Shape == draft.File {
		return c, draft.Wrong("keys", fault.NewUsage("write it, as keystore.p12", "nothing says what the file is called"))
	}
	if len(c.Keys) == 0 && c.Shape != draft.Env {
		c.Keys = []string{"password"}
	}
	if c.Shape == draft.Generate {
		length, err := strconv.Atoi(strings.TrimSpace(cmp.Or(f.Get("length"), "32")))
		if err != nil {
			err = fault.NewUsage("write digits, as 32", "%.40q is no length", f.Get("length"))
		}
		recipe := values.Recipe{Length: length, Alphabet: cmp.Or(f.Get("alphabet"), "alnum")}
		if err == nil {
			err = recipe.Check()
		}
		if err != nil {
			return c, draft.Wrong("keys", err)
		}
		for _, key := range c.Keys {
			c.Recipes[key] = recipe
		}
	}
	slices.Sort(c.Keys)
	for _, text := range f["workload"] {
		kind, name, _ := strings.Cut(text, "/")
		d := api.DeliverAs{Workload: api.WorkloadReference{Kind: kind, Name: name}}
		switch f.Get("way") {
		case "env":
			d.Env = &api.DeliverEnv{}
			prefix := strings.TrimSpace(f.Get("prefix"))
			if c.Shape == draft.Env {
				d.Env.Prefix = prefix
			} else {
				d.Env.Keys = variables(c.Keys, prefix)
			}
		case "volume":
			d.Volume = &api.DeliverVolume{
				MountPath: cmp.Or(strings.TrimSpace(f.Get("path")), "/etc/"+c.Name), DefaultMode: f.Get("mode")}
		default:
			continue
		}
		c.Deliver = append(c.Deliver, d)
	}
	for _, kind := range []lock.TargetKind{lock.Set, lock.Cluster} {
		for _, name := range f[string(kind)] {
			if name != "" {
				c.Targets = append(c.Targets, lock.Target{Kind: kind, Name: name})
			}
		}
	}
	return c, nil
}

// variables names one for each key: DB_ and password is DB_PASSWORD.
func variables(keys []string, prefix string) map[string]string {
	all := map[string]string{}
	for _, key := range keys {
		all[key] = prefix + strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
				return r
			}
			return '_'
		}, strings.ToUpper(key))
	}
	return all
}

// stepOf is the step that has the field which an error is about.
func stepOf(err error) int {
	var field *draft.FieldError
	if !errors.As(err, &field) {
		return len(fieldsOfStep) - 1
	}
	switch field.Field {
	case "name", "shape", "keys":
		return 1
	case "variable", "path", "deliver":
		return 2
	}
	return len(fieldsOfStep) - 1
}
