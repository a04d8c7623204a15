package console

import (
	"net/http"

	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/wizard"
)

// placedBody is where an application is and can be, and what of a choice cannot.
type placedBody struct {
	wizard.Places
	Wrong *problem
}

// placements are the clusters of an application, and what can be done about them.
func (c *Console) placements(w http.ResponseWriter, r *http.Request) error {
	return c.placed(w, r, nil)
}

func (c *Console) placed(w http.ResponseWriter, r *http.Request, wrong error) error {
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return err
	}
	name := r.PathValue("placement")
	if s.Model.Placements[name] == nil {
		return notFound("look at the fleet's page", "there is no application %.60q", name)
	}
	status := http.StatusOK
	if wrong != nil {
		status = http.StatusUnprocessableEntity
	}
	return c.show(w, r, page{Template: "placed.html", Title: "Clusters of " + name, Section: "fleet", Status: status,
		Body: placedBody{wizard.PlacesOf(s, name), problemOf(wrong)}})
}

// place begins the draft of an application that comes to a cluster or set, or leaves one.
func (c *Console) place(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	choice := draft.Choice{Kind: draft.Kind(r.PostForm.Get("kind")), Placement: r.PathValue("placement")}
	if choice.Kind != draft.Join && choice.Kind != draft.Leave {
		return notFound("load the page anew", "there is no such change")
	}
	var err error
	if choice.Targets, err = wizard.Targets(r.PostForm["target"]); err != nil {
		return c.placed(w, r, draft.ErrNoTarget)
	}
	return c.begun(w, r, choice)
}
