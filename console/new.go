package console

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/bulla-dev/bulla/console/wizard"
)

func (c *Console) newSecret(w http.ResponseWriter, r *http.Request) error {
	return c.wizard(w, r, r.URL.Query(), nil, http.StatusOK)
}

// makeDraft takes all choices together.
func (c *Console) makeDraft(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	r.PostForm.Del("csrf")
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return err
	}
	choice, err := wizard.ChoiceOf(r.PostForm)
	if err == nil {
		err = choice.Check()
	}
	if err == nil {
		err = wizard.Known(r.Context(), c.clone.Builder(), s, choice)
	}
	if err == nil {
		choice.Begun = wizard.BegunAt(r.PostForm)
		if err = c.begun(w, r, choice); err == nil {
			return nil
		}
	}
	r.PostForm.Set("step", strconv.Itoa(wizard.StepOf(err)))
	return c.wizard(w, r, r.PostForm, err, http.StatusUnprocessableEntity)
}

func (c *Console) wizard(w http.ResponseWriter, r *http.Request, chosen url.Values, wrong error, status int) error {
	s, err := c.clone.Snapshot(r.Context())
	if err != nil {
		return err
	}
	v, err := wizard.New(r.Context(), c.clone.Builder(), s, chosen, wrong)
	if err != nil {
		return err
	}
	return c.show(w, r, page{Template: "new.html", Title: "New secret", Section: "new", Body: v, Status: status})
}
