package console

import (
	"context"
	"net/http"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/sealed"
	"github.com/bulla-dev/bulla/console/wizard"
	"github.com/bulla-dev/bulla/desk/stored"
	"github.com/bulla-dev/bulla/desk/stub"
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
	Targets          []string
	Readers, Reaches []string
	// Given are those Readers to which the secret itself is wired: that goes with it.
	Given []string
	// Wrong is what of a choice cannot be.
	Wrong *problem
	wizard.Offer
	wizard.Anew
	keeping
}

// keeping is where the ciphertext of a secret is.
type keeping struct {
	// Stored: in the key service's store, and a reference in Git. Cannot says why the
	// person can keep none there.
	Stored bool
	Cannot *notice
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
	recipes, err := stub.Recipes(o.File, read.Manifest)
	if err != nil {
		recipes = nil // the secret's page says why
	}
	for _, key := range read.SealedKeys() {
		one := wizard.Changeable{Key: key}
		if recipe, made := recipes[key]; made {
			one.Recipe = recipe.String()
		}
		o.Values = append(o.Values, one)
	}
	o.Stored = read.Reference != nil
	o.Targets = reference.Sealed{Stub: read.Manifest, Reference: read.Reference}.Targets()
	o.Offer = wizard.Offers(s, o.Placement, o.Targets)
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
		o.Given, o.Readers = wizard.Wired(manifest.Spec.DeliverAs, o.Namespace, o.Readers)
		if o.Stored && what != "retire" {
			o.Cannot = cannotKeep(r.Context(), ofStored)
		}
		_ = o.Choose(r.URL.Query()) // of a link, or nothing: what is wrong with it is told once the form is sent
		return c.show(w, r, page{Template: "change.html", Title: title, Section: "secrets", Body: o})
	}
}

// ofStored begins the words for what the store has already.
const ofStored = "What you would change is kept in the key service's store, and you cannot put it there"

// cannotKeep says why a person can keep no ciphertext in the key service's store; nil where
// they can. It is asked before they type. what is the sentence that the reason follows.
func cannotKeep(ctx context.Context, what string) *notice {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	s, err := service(ctx)
	if err == nil {
		err = stored.MayPut(ctx, s)
	}
	if err == nil {
		return nil
	}
	return troubleOf(what, err)
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
		r.PostForm.Del("csrf")
		if err := o.Choose(r.PostForm); err != nil {
			o.What, o.Wrong = "change", problemOf(err)
			return c.show(w, r, page{Template: "change.html", Title: "Change a value", Section: "secrets", Body: o,
				Status: http.StatusUnprocessableEntity})
		}
		at := sealed.Ref{Placement: o.Placement, Namespace: o.Namespace, Name: o.Name}
		choice.Keys, choice.Recipes = o.Keys(), o.Recipes
		choice.Begun = at.Path() + "/change?" + o.Again().Encode()
	case draft.Add, draft.Single, draft.Remove:
		if choice.Targets, err = wizard.Targets(r.PostForm["target"]); err != nil {
			o.What, o.Wrong = "clusters", problemOf(draft.ErrNoTarget)
			return c.show(w, r, page{Template: "change.html", Title: "Add or remove a cluster", Section: "secrets", Body: o,
				Status: http.StatusUnprocessableEntity})
		}
	case draft.Rotate, draft.Away:
	default:
		return notFound("load the page anew", "there is no such change")
	}
	return c.begun(w, r, choice)
}
