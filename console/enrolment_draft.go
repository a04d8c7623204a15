package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/enrolment"
)

// addEnrolled begins the draft of the files of machines that a person chose. Their keys come
// from the signed log: a form that named them would be the way to read every secret.
func (c *Console) addEnrolled(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	labels, err := enrolment.Labels("", strings.FieldsFunc(r.PostForm.Get("labels"),
		func(r rune) bool { return r == ',' || r == ' ' }))
	if err != nil {
		return &statusError{http.StatusUnprocessableEntity, err}
	}
	ctx, cancel := context.WithTimeout(r.Context(), readWithin)
	defer cancel()
	s, err := c.clone.Snapshot(ctx)
	if err != nil {
		return err
	}
	body := &enrolmentBody{}
	log, err := c.log(ctx, s.Model.Fleet)
	if err == nil {
		err = body.ask(ctx, c, log, s)
	}
	if err != nil {
		return err
	}
	many, err := body.files(r.PostForm["machine"], labels)
	if err != nil {
		return &statusError{http.StatusUnprocessableEntity, err}
	}
	return c.begun(w, r, draft.Choice{Kind: draft.Enrol, Many: many})
}

// files are those of machines by their names, of which each can have one.
func (b *enrolmentBody) files(names []string, labels map[string]string) (*draft.Many, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 || len(names) > draft.MostFiles {
		return nil, fault.New(fmt.Sprintf("choose some, at most %d; bulla cluster add --enrolled adds more in a clone",
			draft.MostFiles), "%d machines are chosen", len(names))
	}
	many := &draft.Many{Files: map[string][]byte{}}
	var text strings.Builder
	text.WriteString("Their keys are those that enrolled, by the signed audit log; nobody compared them yet:\n\n")
	for _, name := range names {
		at := slices.IndexFunc(b.Waiting, func(m machine) bool { return m.Name == name })
		if at < 0 {
			return nil, fault.New("load the page of what enrolled anew: it says what became of each",
				"no machine %.60q enrolled that can have a file", name)
		}
		m := b.Waiting[at]
		file, data, err := m.File(labels)
		if err != nil {
			return nil, err
		}
		many.Files[file] = data
		fmt.Fprintf(&text, "- %s: fingerprint %s\n", name, strings.Join(m.Fingerprints, " "))
	}
	many.Title = fmt.Sprintf("Add %d machines that enrolled", len(names))
	if len(names) == 1 {
		many.Title = "Add " + names[0] + ", which enrolled"
	}
	many.Body = text.String()
	return many, nil
}
