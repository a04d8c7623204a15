package wizard

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/values"
	lock "github.com/bulla-dev/bulla/sealing"
)

// ChoiceOf reads the wizard's fields.
func ChoiceOf(f url.Values) (draft.Choice, error) {
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

// StepOf is the step that has the field which an error is about.
func StepOf(err error) int {
	var field *draft.FieldError
	if !errors.As(err, &field) {
		return len(fieldsOfStep) - 1
	}
	switch field.Field {
	case "name", "shape", "keys":
		return 1
	case "variable", "path", "deliver", "mode", "workload":
		return 2
	}
	return len(fieldsOfStep) - 1
}
