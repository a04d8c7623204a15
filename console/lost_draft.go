package console

import (
	"net/http"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/desk/rotation"
)

// part takes one row into the draft that makes all of them anew. r is its reference; nil of
// a stub.
func (b *lostBody) part(one toRotate, r *api.SealedReference, cannot func() *notice) {
	last := len(b.Parts) - 1
	switch {
	case r != nil && cannot() != nil:
		b.NotKept = cannot()
		b.Stored++
	case last >= 0 && b.Parts[last].File == one.File:
		b.Parts[last].Keys = append(b.Parts[last].Keys, one.Keys...)
	case len(b.Parts) == draft.MostFiles, r != nil && r.Spec.Stub.Size > b.room:
		b.Left++
	default:
		if r != nil {
			b.room -= r.Spec.Stub.Size
		}
		b.Parts = append(b.Parts, rotation.Part{File: one.File, Keys: one.Keys})
	}
}

// rotateLost begins the draft of all that a program can make anew. What that is comes from
// the log and from Git, and not from the form.
func (c *Console) rotateLost(w http.ResponseWriter, r *http.Request) error {
	body, err := c.readLost(r)
	if err != nil {
		return err
	}
	if trouble := body.cannot(); trouble != nil {
		return &statusError{http.StatusUnprocessableEntity, fault.New(trouble.Do, "%s", trouble.What)}
	}
	var people []rotation.Part
	for _, one := range body.People {
		people = append(people, rotation.Part{File: one.File, Keys: one.Keys})
	}
	many := &draft.Many{Cluster: body.Cluster, Parts: body.Parts}
	many.Title, many.Body = rotation.Message(body.Cluster, body.lost, body.Parts, people,
		"Prepared in the console; the values were made in a browser, which sealed them.")
	return c.begun(w, r, draft.Choice{Kind: draft.Lost, Many: many})
}

// cannot says why there is no draft of what a cluster lost.
func (b *lostBody) cannot() *notice {
	switch {
	case b.Broken != nil:
		return b.Broken
	case b.InFleet != nil && b.InFleet.Tone != "warn":
		return b.InFleet
	case !b.Asked && len(b.Notices) > 0:
		return &b.Notices[0]
	case !b.Asked:
		return &notice{What: "the applications of this commit are still being read", Do: "press it again in a moment"}
	case len(b.Parts) == 0:
		return &notice{What: "nothing of it can be made anew by a program",
			Do: "change what the page lists, value by value"}
	}
	return nil
}

// suspendLost begins the draft that takes a lost cluster out: it opens nothing any more.
func (c *Console) suspendLost(w http.ResponseWriter, r *http.Request) error {
	cluster := r.PathValue("cluster")
	return c.begun(w, r, draft.Choice{Kind: draft.Suspend, Many: &draft.Many{
		Cluster: cluster, Title: "Suspend " + cluster,
		Body: "The cluster is lost: it opens nothing any more, and nothing there is deleted.\n"}})
}
