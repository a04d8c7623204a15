package console

import (
	"net/http"
	"strings"

	"github.com/bulla-dev/bulla/console/draft"
)

// requested proposes the commit of a preview as a branch.
func (c *Console) requested(w http.ResponseWriter, r *http.Request, p *draft.Preview) error {
	branch := branchOf(p)
	if err := c.proposer().Propose(r.Context(), p.Commit, branch); err != nil {
		return err
	}
	c.drafts.Drop(p.ID, owner(r))
	return c.show(w, r, page{Template: "requested.html", Title: "The request is made", Section: "requests",
		Body: map[string]any{"Branch": branch, "Title": p.Title(), "Text": p.Text}})
}

// branchOf names a branch after what it does. The draft's id tells two of one title apart.
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
	return "bulla/" + name[:min(len(name), 60)] + "-" + strings.ToLower(p.ID[:6])
}
