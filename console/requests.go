package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/desk/proposal"
)

// mostRequests are listed.
const mostRequests = 200

// requestRow is one of the list.
type requestRow struct {
	Branch, Author, Title, Link, State string
	Commit                             string
	Mine                               bool
	Request                            *forge.Request
}

// requestList is the page.
type requestList struct {
	Rows []requestRow
	// More is how many are not shown, Others how many branches have names that are not a
	// change's.
	More, Others int
	// NoForge and NoRemote say why one of the two was not asked.
	NoForge, NoRemote       *problem
	Base, ForgeKind, Remote string
}

// problem is an error, for a template.
type problem struct{ What, Do string }

func problemOf(err error) *problem {
	if err == nil {
		return nil
	}
	return &problem{err.Error(), fault.Hint(err)}
}

// requests lists the branches of changes, and their pull requests.
func (c *Console) requests(w http.ResponseWriter, r *http.Request) error {
	p, unasked, err := c.asking(r.Context())
	if err != nil {
		return err
	}
	ctx := r.Context()
	list := requestList{Base: p.Base, ForgeKind: p.Place.Kind, Remote: p.Git.Remote}
	open, err := []forge.Request(nil), error(nil)
	if unasked != nil {
		list.NoForge = problemOf(unasked)
	} else if p.Plain {
		// What stands in Git is all there is.
	} else if open, err = c.forges.open(ctx, p, proposal.Prefix); err != nil {
		list.NoForge = problemOf(err)
	}
	branches, others, err := p.Git.Branches(ctx)
	list.NoRemote, list.Others = problemOf(err), others
	snapshot, err := c.clone.Snapshot(ctx)
	if err != nil {
		return err
	}
	me, seen := person(ctx), map[string]bool{}
	for _, one := range open {
		if proposal.CheckBranch(one.Branch) != nil || seen[one.Branch] {
			continue
		}
		seen[one.Branch] = true
		list.Rows = append(list.Rows, requestRow{Branch: one.Branch, Author: one.Author, Title: one.Title, Link: one.URL,
			State: "waiting", Commit: one.Commit, Request: &one})
	}
	for _, one := range branches {
		if seen[one.Name] {
			continue
		}
		list.Rows = append(list.Rows, requestRow{Branch: one.Name, Commit: one.Commit, State: "waiting",
			Link: p.Place.NewRequest(p.Base, one.Name)})
	}
	commits := make([]string, len(list.Rows))
	for i, row := range list.Rows {
		commits[i] = row.Commit
	}
	about, err := p.Git.Survey(ctx, snapshot.Commit, commits)
	if err != nil {
		return err
	}
	for i := range list.Rows {
		row := &list.Rows[i]
		known := about[row.Commit]
		row.Mine = me.made(row.Request, known.Email)
		row.Author, row.Title = cmp.Or(row.Author, known.Name), cmp.Or(row.Title, known.Subject)
		if known.Merged && row.Request == nil {
			row.State = "merged"
		}
	}
	slices.SortStableFunc(list.Rows, func(a, b requestRow) int {
		return cmp.Or(-compareBool(a.Mine, b.Mine), cmp.Compare(b.State, a.State), cmp.Compare(a.Branch, b.Branch))
	})
	if n := len(list.Rows); n > mostRequests {
		list.Rows, list.More = list.Rows[:mostRequests], n-mostRequests
	}
	return c.show(w, r, page{Template: "requests.html", Title: "Requests", Section: "requests", Body: list})
}

// made says whether a request is the person's own: by their account at the forge where there
// is one, since what a commit says of its author anybody writes; without, by that.
func (p Person) made(request *forge.Request, email string) bool {
	if account := p.Forge.Account(); account != nil && request != nil {
		return strings.EqualFold(request.Author, account.Login)
	}
	return email != "" && email == p.Email
}

// asking is what requests are looked at with: the person's account at the forge or, where
// they have connected none, what the console reads with. unasked is why the forge is not
// asked then.
func (c *Console) asking(ctx context.Context) (p *Proposals, unasked, err error) {
	p, unasked = c.proposingAs(ctx)
	if unasked != nil {
		p, err = c.proposing()
	}
	return p, unasked, err
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// requestPage follows one request.
type requestPage struct {
	followed
	NoForge, NoService *problem
}

// request is the page of one. It waits for no fetch: a clone follows its remote by itself.
func (c *Console) request(w http.ResponseWriter, r *http.Request) error {
	p, unasked, err := c.asking(r.Context())
	if err != nil {
		return err
	}
	branch := r.PathValue("branch")
	if err := proposal.CheckBranch(branch); err != nil {
		return &statusError{http.StatusNotFound, err}
	}
	f, err := c.follow(r.Context(), p, person(r.Context()), branch)
	if err != nil {
		return err
	}
	if unasked != nil {
		f.NoForge = unasked
	} else if p.Place.Kind == "" {
		f.NoForge = nil // the list of requests says once that a forge could be named
	}
	return c.show(w, r, page{Template: "request.html", Title: "Request " + branch, Section: "requests",
		Body: requestPage{f, problemOf(f.NoForge), problemOf(f.NoService)}})
}
