package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/bulla-dev/bulla/console/draft"
)

// proposed proposes the commit of a preview, and leads on to the page that follows it. A
// forge that is down keeps the draft: pressed again, the same commit goes on from there.
func (c *Console) proposed(w http.ResponseWriter, r *http.Request, p *draft.Preview) error {
	proposals, err := c.proposingAs(r.Context())
	if errors.Is(err, errNoAccount) {
		if held := person(r.Context()).Forge; held != nil {
			held.Wait(p.ID)
			http.Redirect(w, r, "/account", http.StatusSeeOther)
			return nil
		}
	}
	if err != nil {
		return err
	}
	if err := proposals.Bars; err != nil {
		return c.previewed(w, r, looked{Failed: err})
	}
	if err := c.keep(r.Context(), p.Draft); err != nil {
		return c.previewed(w, r, looked{Failed: err})
	}
	done, err := proposals.Propose(r.Context(), Proposal{
		Commit: p.Commit, Branch: branchOf(p), Title: p.Title(), Text: p.Text})
	c.forges.forget(branchOf(p))
	if err != nil {
		// The draft is kept, and shown with what to do: a remote that is gone comes back.
		return c.previewed(w, r, looked{Failed: err})
	}
	if !done.Again {
		c.drafts.Drop(p.ID, owner(r))
		if held := person(r.Context()).Forge; held != nil {
			held.Wait("")
		}
	}
	if done.NotOpened == nil {
		http.Redirect(w, r, "/requests/"+done.Branch, http.StatusSeeOther)
		return nil
	}
	return c.show(w, r, page{Template: "requested.html", Title: "The branch is made", Section: "requests",
		Body: map[string]any{"Done": done, "Why": whyNotOpened(done, proposals),
			"AtForge": proposals.Place.Kind != "", "ID": p.ID, "Commit": p.Commit}})
}

// whyNotOpened says it in the words of who clicked: that a forge could be named is for whoever
// runs the console.
func whyNotOpened(done Proposed, p *Proposals) *problem {
	if p.Place.Kind == "" {
		return &problem{"This console does not know at which forge the repository is, if it is at one.",
			"Tell a reviewer the branch: merged into " + p.Base + ", it counts. An operator names the forge with --forge."}
	}
	return problemOf(done.NotOpened)
}

// branchOf names a branch after what it does. The commit tells two of one title apart, and
// what was made anew from what stands at the remote already.
func branchOf(p *draft.Preview) string {
	words := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(p.Title()))
	var kept []string
	for word := range strings.SplitSeq(words, "-") {
		if word != "" {
			kept = append(kept, word)
		}
	}
	name := strings.Join(kept, "-")
	return "bulla/" + name[:min(len(name), 60)] + "-" + p.Commit[:8]
}
