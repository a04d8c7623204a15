package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/wizard"
	"github.com/bulla-dev/bulla/desk/proposal"
	"github.com/bulla-dev/bulla/desk/values"
)

// owner is whose drafts are shown: nobody else finds them.
func owner(r *http.Request) string {
	p := person(r.Context())
	if p.Owner != "" {
		return p.Owner // alone: an address is not whose it was for ever
	}
	return p.Email + "\x00" + p.Name
}

// draftOf is the draft of an address, of the person who asks.
func (c *Console) draftOf(r *http.Request) (draft.Draft, error) {
	d, err := c.drafts.Get(r.PathValue("id"), owner(r))
	if errors.Is(err, draft.ErrGone) {
		return d, &statusError{http.StatusNotFound, err}
	}
	return d, err
}

// begun leads on from a choice: to the values, or to the preview where there are none.
func (c *Console) begun(w http.ResponseWriter, r *http.Request, choice draft.Choice) error {
	d, err := c.drafts.Begin(r.Context(), owner(r), choice)
	if err != nil {
		return &statusError{http.StatusUnprocessableEntity, err}
	}
	to := "/drafts/" + d.ID
	if choice.Kind.Seals() {
		to += "/seal"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// valuesPage is the page on which values are typed: the only one that has fields for them.
type valuesPage struct {
	draft.Draft
	Steps []string
	At    int
	Asked []field
	// Back is the address of the step before; "" where there is none.
	Back string
	// Cannot says why this console seals nothing.
	Cannot string
	// Weak are values that the browser makes and somebody can guess.
	Weak []string
}

// field is one value's: its key, as the job or the shape names it.
type field struct{ Key, Label, As, Help string }

func (c *Console) sealPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.draftOf(r)
	if err != nil {
		return err
	}
	through := wizard.StepsOf(d.Kind)
	body := valuesPage{Draft: d, Steps: through, At: len(through) - 2, Asked: fieldsOf(d.Choice), Back: d.Begun}
	if err := c.canSeal(); err != nil {
		body.Cannot = err.Error()
	}
	for _, key := range slices.Sorted(maps.Keys(d.Recipes)) {
		if weak := values.WeakOf(key, d.Recipes[key], wizard.InWords(d.Recipes[key].Alphabet)); weak != "" {
			body.Weak = append(body.Weak, weak)
		}
	}
	return c.show(w, r, page{Template: "seal.html", Title: "Values", Section: wizard.SectionOf(d.Kind), Body: body})
}

// fieldsOf are what a person types; none where the browser makes all.
func fieldsOf(choice draft.Choice) (fields []field) {
	switch choice.Shape {
	case draft.Env:
		return []field{{".env", "The lines of the .env file", "lines", "KEY=VALUE, each on one line; # begins a comment"}}
	case draft.Registry:
		return []field{{"server", "Registry", "line", "such as registry.example.com; empty is Docker Hub"},
			{"username", "User", "line", ""}, {"password", "Password", "hidden", ""}}
	case draft.TLS:
		return []field{{"tls.crt", "Certificate, its chain after it (PEM)", "file", ""},
			{"tls.key", "Private key (PEM)", "file", ""}}
	case draft.SSH:
		return []field{{"ssh-privatekey", "Private key", "file", "the file without .pub at its end"}}
	case draft.Basic:
		return []field{{"username", "User", "line", ""}, {"password", "Password", "hidden", ""}}
	}
	as := "hidden"
	if choice.Shape == draft.File {
		as = "file"
	}
	if choice.Kind == draft.Change || choice.Kind == draft.Add {
		as = "any"
	}
	for _, key := range choice.Keys {
		if _, made := choice.Recipes[key]; !made {
			fields = append(fields, field{key, key, as, ""})
		}
	}
	return fields
}

// jobs tells the page what to seal; the names of a .env file come from it.
func (c *Console) jobs(w http.ResponseWriter, r *http.Request) error {
	d, err := c.draftOf(r)
	if err != nil {
		return answerJSON(w, nil, err)
	}
	var in struct {
		Keys []string `json:"keys"`
	}
	if err := readJSON(r, &in); err != nil {
		return answerJSON(w, nil, err)
	}
	asking, err := c.drafts.Ask(r.Context(), d, in.Keys)
	return answerJSON(w, asking, err)
}

// blocks takes what the page sealed. Nothing else is in its form: a field more is refused.
func (c *Console) blocks(w http.ResponseWriter, r *http.Request) error {
	d, err := c.draftOf(r)
	if err != nil {
		return answerJSON(w, nil, err)
	}
	var in struct {
		Blocks []api.Block `json:"blocks"`
	}
	if err := readJSON(r, &in); err != nil {
		return answerJSON(w, nil, err)
	}
	_, err = c.drafts.Take(r.Context(), d, in.Blocks)
	return answerJSON(w, map[string]string{"to": "/drafts/" + d.ID}, err)
}

// readJSON reads one document, and quotes nothing of it: a value may stand in a wrong place.
func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, draft.MaxSize))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fault.New("load the page anew", "what the page sent is not what it should send")
	}
	return nil
}

func answerJSON(w http.ResponseWriter, out any, err error) error {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		var field *draft.FieldError
		told := map[string]string{"error": err.Error(), "hint": fault.Hint(err)}
		if errors.As(err, &field) {
			told["field"] = field.Field
		}
		w.WriteHeader(http.StatusUnprocessableEntity)
		out = told
	}
	return json.NewEncoder(w).Encode(out)
}

// preview shows what a draft does, after it was put onto the newest commit.
func (c *Console) preview(w http.ResponseWriter, r *http.Request) error {
	return c.previewed(w, r, looked{})
}

// looked is why a draft is shown again: Anew, it is another one than was looked at; Failed,
// it could not be proposed.
type looked struct {
	Anew   bool
	Failed error
}

func (c *Console) previewed(w http.ResponseWriter, r *http.Request, again looked) error {
	d, err := c.draftOf(r)
	if err != nil {
		return err
	}
	if !d.Sealed() {
		http.Redirect(w, r, "/drafts/"+d.ID+"/seal", http.StatusSeeOther)
		return nil
	}
	through := wizard.StepsOf(d.Kind)
	body := map[string]any{"Steps": through, "At": len(through) - 1, "Draft": d, "Anew": again.Anew,
		"Failed": problemOf(again.Failed)}
	now, err := c.drafts.Current(r.Context(), d, false)
	var moved *draft.Moved
	switch {
	case errors.As(err, &moved):
		body["Moved"] = moved
		now = d
	case err != nil:
		return err
	}
	p, err := c.drafts.Preview(r.Context(), now, c.committing(r.Context()), "")
	if err != nil {
		return err
	}
	body["Preview"], body["Store"] = p, storeOf(r.Context(), p.Draft)
	status := http.StatusOK
	if again.Failed != nil {
		status = http.StatusBadGateway
	}
	return c.show(w, r, page{Template: "draft.html", Title: p.Title(), Section: wizard.SectionOf(d.Kind), Status: status,
		Body: body})
}

// committing makes commits in the name of who asks.
func (c *Console) committing(ctx context.Context) draft.Committer {
	who := person(ctx)
	name, email := proposal.Plain(who.Name), proposal.Plain(who.Email)
	return func(ctx context.Context, d draft.Draft) (string, error) {
		p, err := c.proposing()
		if err != nil {
			return "", err
		}
		return p.Commit(ctx, proposal.Change{
			Base: d.Base, Files: d.Files, Title: d.Title(), Body: d.Body(), Name: cmp.Or(name, email), Email: email})
	}
}

// again puts a draft onto what somebody else changed, as a person said who saw that.
func (c *Console) again(w http.ResponseWriter, r *http.Request) error {
	d, err := c.draftOf(r)
	if err != nil {
		return err
	}
	if _, err := c.drafts.Current(r.Context(), d, true); err != nil {
		return err
	}
	http.Redirect(w, r, "/drafts/"+d.ID, http.StatusSeeOther)
	return nil
}

// propose makes the branch of a draft, and the pull request: of the commit that the person
// looked at. Where a merge or another tab made another one of it, they look at that first.
func (c *Console) propose(w http.ResponseWriter, r *http.Request) error {
	d, err := c.draftOf(r)
	if err != nil {
		return err
	}
	now, err := c.drafts.Current(r.Context(), d, false)
	if err != nil {
		// The page says what changed, and asks.
		http.Redirect(w, r, "/drafts/"+d.ID, http.StatusSeeOther)
		return nil //nolint:nilerr // as above
	}
	if now.Commit == "" || now.Commit != r.PostFormValue("commit") {
		return c.previewed(w, r, looked{Anew: true})
	}
	p, err := c.drafts.Preview(r.Context(), now, c.committing(r.Context()), "")
	if err != nil {
		return err
	}
	if p.Plan.Blocked() {
		return &statusError{http.StatusUnprocessableEntity, fault.New("go back and mend it",
			"this change cannot be requested: %s", p.Verdict)}
	}
	return c.proposed(w, r, p)
}

// dropDraft forgets a draft.
func (c *Console) dropDraft(w http.ResponseWriter, r *http.Request) error {
	to := "/new"
	if d, err := c.draftOf(r); err == nil && d.Kind != draft.New {
		to = "/"
	}
	c.drafts.Drop(r.PathValue("id"), owner(r))
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
