package console

import (
	"encoding/json"
	"net/http"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/desk/rotation"
)

// takes is what values take of a draft, in bytes: what the browser sends of them in one
// request, and what the draft keeps, which has whole files too.
type takes struct{ sent, kept int }

// oneDraft is what one draft takes at most. It leaves a quarter of what is admitted for what
// grew since they were sealed: a fleet may have more recovery keys by now.
var oneDraft = takes{guard.MaxBody * 3 / 4, draft.MaxSize * 3 / 4}

func (t takes) beyond(most takes) bool { return t.sent > most.sent || t.kept > most.kept }

func (t takes) and(more takes) takes { return takes{t.sent + more.sent, t.kept + more.kept} }

// takenBy is by what stands there now: what comes in its place has the same locks.
func takenBy(stub *api.SealedManifest, block int) takes {
	size := func(blocks ...api.Block) int {
		text, err := json.Marshal(blocks)
		if err != nil {
			return draft.MaxSize
		}
		return len(text)
	}
	sent := size(stub.Spec.Blocks[block])
	return takes{sent: sent, kept: sent + size(stub.Spec.Blocks...)}
}

// part takes one row into the draft that makes all of them anew: what has no room there is
// left for the next. r is its reference; nil of a stub.
func (b *lostBody) part(one toRotate, need takes, r *api.SealedReference, cannot func() *notice) {
	last := len(b.Parts) - 1
	isOfLast := last >= 0 && b.Parts[last].File == one.File
	if isOfLast {
		need.kept = need.sent // the file is in it
	}
	switch {
	case r != nil && cannot() != nil:
		b.NotKept = cannot()
		b.Stored++
		return
	case !isOfLast && len(b.Parts) == draft.MostFiles, b.taken.and(need).beyond(oneDraft):
		b.Left++
		return
	case isOfLast:
		b.Parts[last].Keys = append(b.Parts[last].Keys, one.Keys...)
	default:
		b.Parts = append(b.Parts, rotation.Part{File: one.File, Keys: one.Keys})
	}
	b.taken = b.taken.and(need)
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
