package console

import (
	"maps"
	"net/http"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/stub"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// change is what is asked of a secret, or of an application, that is there.
type change struct {
	// What is the last word of the address.
	What             string
	Placement        string
	Namespace, Name  string
	File             string
	Keys, Made       []string
	Targets          []string
	Readers, Reaches []string
	// Given are those Readers to which the secret itself is wired: that goes with it.
	Given []string
	offer
}

// secretAt finds the stub of an object that an application builds.
func (c *Console) secretAt(r *http.Request) (change, *api.SealedManifest, error) {
	o := change{Placement: r.PathValue("placement"), Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return o, nil, err
	}
	index, building, err := index(r.Context(), s)
	if err != nil {
		return o, nil, err
	}
	if building != nil {
		return o, nil, &statusError{http.StatusServiceUnavailable, fault.New("load the page again in a moment",
			"the applications of this commit are still being read")}
	}
	for file, uses := range index.Uses {
		for _, use := range uses {
			if use.Placement == o.Placement && use.Namespace == o.Namespace && use.Name == o.Name {
				o.File = file
			}
		}
	}
	o.Readers = index.Readers[o.Namespace+"/"+o.Name]
	data, err := s.Tree.ReadFile(o.File)
	if o.File == "" || err != nil {
		return o, nil, notFound("look at the application's page", "there is no secret %.60q in %.60q", o.Name, o.Placement)
	}
	read, err := model.ParseStub(o.File, data)
	if err != nil {
		return o, nil, err
	}
	if read == nil || read.Manifest == nil {
		return o, nil, &statusError{http.StatusUnprocessableEntity, draft.ErrReference}
	}
	for _, block := range read.Manifest.Spec.Blocks {
		for _, field := range block.Fields {
			o.Keys = append(o.Keys, built.DataKey(field))
		}
	}
	slices.Sort(o.Keys)
	o.Targets = reference.Sealed{Stub: read.Manifest}.Targets()
	o.offer = offers(s, o.Placement, o.Targets)
	return o, read.Manifest, nil
}

// changeSecret is a handler of one kind of change.
func changeSecret(what, title string) func(*Console, http.ResponseWriter, *http.Request) error {
	return func(c *Console, w http.ResponseWriter, r *http.Request) error {
		o, manifest, err := c.secretAt(r)
		if err != nil {
			return err
		}
		o.What = what
		o.Given, o.Readers = wired(manifest.Spec.DeliverAs, o.Namespace, o.Readers)
		if recipes, err := stub.Recipes(o.File, manifest); err == nil {
			o.Made = slices.Sorted(maps.Keys(recipes))
		}
		return c.show(w, r, page{Template: "change.html", Title: title, Section: "secrets", Body: o})
	}
}

// wired tells readers to which a secret is wired from those that name it in files of their
// own: these do not start without it.
func wired(deliver []api.DeliverAs, namespace string, readers []string) (given, rest []string) {
	for _, reader := range readers {
		if slices.ContainsFunc(deliver, func(d api.DeliverAs) bool {
			return reader == d.Workload.Kind+" "+namespace+"/"+d.Workload.Name
		}) {
			given = append(given, reader)
		} else {
			rest = append(rest, reader)
		}
	}
	return given, rest
}

func (c *Console) retireApplication(w http.ResponseWriter, r *http.Request) error {
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return err
	}
	o := change{What: "application", Placement: r.PathValue("placement")}
	if s.Model.Placements[o.Placement] == nil {
		return notFound("look at the fleet's page", "there is no application %.60q", o.Placement)
	}
	o.Reaches = s.Model.TargetsOf(o.Placement)
	return c.show(w, r, page{Template: "change.html", Title: "Retire " + o.Placement, Section: "fleet", Body: o})
}

// makeChange begins the draft of a change.
func (c *Console) makeChange(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	if r.PathValue("name") == "" {
		return c.begun(w, r, draft.Choice{Kind: draft.Retire, Placement: r.PathValue("placement")})
	}
	o, _, err := c.secretAt(r)
	if err != nil {
		return err
	}
	choice := draft.Choice{Kind: draft.Kind(r.PostForm.Get("kind")), Placement: o.Placement, File: o.File}
	switch choice.Kind {
	case draft.Change:
		choice.Keys = slices.Sorted(slices.Values(r.PostForm["key"]))
		if len(choice.Keys) == 0 {
			return &statusError{http.StatusUnprocessableEntity, draft.ErrNoKey}
		}
	case draft.Add, draft.Single, draft.Remove:
		if choice.Targets, err = chosenTargets(r.PostForm["target"]); err != nil {
			return &statusError{http.StatusUnprocessableEntity, draft.ErrNoTarget}
		}
	case draft.Rotate, draft.Away:
	default:
		return notFound("load the page anew", "there is no such change")
	}
	return c.begun(w, r, choice)
}
