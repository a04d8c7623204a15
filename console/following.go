package console

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/reached"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/desk/proposal"
)

// followed is a request, and how far it came.
type followed struct {
	Branch, Base string
	// Commit is what the branch is at; "" where neither clone nor remote knows it. Subject
	// is what it says of itself; "" where the clone has not got it.
	Commit, Subject string
	// Request is the pull request; nil where there is none, or none that can be asked
	// for. NoForge says why.
	Request *forge.Request
	NoForge error
	// Link is where a person opens one, or looks at it.
	Link string
	// Merged is the commit that brought it to the branch that counts, "" for none.
	Merged string
	// Closed: it was closed without being merged, or its branch went.
	Closed bool
	// Ahead: the forge has it merged, and the clone has not got that commit yet.
	Ahead bool
	// NoService says why nothing is known of what comes after; Accepted that the key
	// service has it in force.
	NoService error
	Accepted  bool
	// Told: the key service was told to look for it.
	Told     bool
	Refused  *ledger.RefusedTip
	Delivery reached.Reached
	// Over is when there is nothing to wait for any more.
	Over bool
	At   time.Time
}

// Steps are what a request goes through, for the page.
var requestSteps = []string{"Waiting for review", "Merged", "Accepted by the key service", "Delivering", "In use"}

// Steps of the page: what leaves no secret behind is over when it is delivered.
func (f followed) Steps() []string {
	if f.Delivery.All > 0 && f.Delivery.Bare {
		return requestSteps[:len(requestSteps)-1]
	}
	return requestSteps
}

// Step is the one that it is at, from 0.
func (f followed) Step() int {
	switch {
	case f.Merged == "" && !f.Ahead:
		return 0
	case !f.Accepted && f.NoService == nil && !f.Ahead:
		return 2
	case !f.Accepted:
		return 1
	case f.Delivery.All == 0 || f.Delivery.Done < f.Delivery.All:
		return 3
	case f.Delivery.InUse+f.Delivery.Gone < f.Delivery.All:
		return 4
	}
	return len(requestSteps)
}

// Title is what it is called: by the forge, or by its commit.
func (f followed) Title() string {
	if f.Request != nil && f.Request.Title != "" {
		return f.Request.Title
	}
	return cmp.Or(f.Subject, f.Branch)
}

// State of it in one word.
func (f followed) State() string {
	switch {
	case f.Closed:
		return "closed"
	case f.Step() == 0:
		return "waiting"
	case f.Step() == 1, f.Step() == 2:
		return "merged"
	case f.Step() == 3:
		return "delivering"
	case f.Step() == 4, f.Delivery.Bare:
		return "delivered"
	}
	return "in use"
}

// follow finds out how far a request came: from Git, from the forge and from the key
// service, each as far as it can be asked.
func (c *Console) follow(ctx context.Context, p *Proposals, person Person, branch string) (followed, error) {
	f := followed{Branch: branch, Base: p.Base, At: time.Now(), Link: p.Place.NewRequest(p.Base, branch)}
	at, err := p.Git.Known(ctx, branch)
	if err != nil {
		return f, err
	}
	f.Commit = at
	c.askForge(ctx, p, &f)
	if f.Commit == "" && f.Request == nil {
		return f, notFound("it may have been taken away, or not be fetched yet", "there is no branch %s", branch)
	}
	snapshot, err := c.clone.Snapshot(ctx)
	if err != nil {
		return f, err
	}
	about, err := p.Git.Survey(ctx, snapshot.Commit, []string{f.Commit})
	if err != nil {
		return f, err
	}
	f.Subject = about[f.Commit].Subject
	if err := p.merged(ctx, &f, snapshot.Commit); err != nil {
		return f, err
	}
	// Without a forge that says when it is merged, only a fetch can tell.
	if f.Ahead || f.Merged == "" && f.Request == nil && !f.Closed {
		c.clone.FetchSoon(ctx) // the page does not wait for it: it asks again
	}
	f.Over = f.Closed
	if f.Merged == "" {
		return f, nil
	}
	if person.Service == nil {
		f.NoService = person.NotAsked
		return f, nil
	}
	f.NoService = c.deliver(ctx, p, person.Service, snapshot, &f)
	f.Over = f.Step() == len(requestSteps)
	return f, nil
}

// askForge asks the forge, or shows what it said last.
func (c *Console) askForge(ctx context.Context, p *Proposals, f *followed) {
	if p.Plain {
		return
	}
	request, err := c.forges.find(ctx, p, f.Branch)
	if err != nil {
		f.NoForge = err
		return
	}
	f.Request, f.Link = &request, request.URL
	f.Closed = request.State == forge.Closed
	if f.Commit == "" {
		f.Commit = request.Commit
	}
}

// merged looks in Git: what the forge says counts once the clone has it.
func (p *Proposals) merged(ctx context.Context, f *followed, head string) (err error) {
	if r := f.Request; r != nil && r.State == forge.Merged && r.MergeCommit != "" {
		has, err := p.Git.Has(ctx, head, r.MergeCommit)
		if err != nil {
			return err
		}
		if has {
			f.Merged = r.MergeCommit
			return nil
		}
	}
	if f.Commit != "" && !f.Closed {
		if f.Merged, err = p.Git.Merged(ctx, f.Commit, head); err != nil {
			return err
		}
	}
	f.Ahead = f.Merged == "" && f.Request != nil && f.Request.State == forge.Merged
	if f.Merged != "" || f.Request != nil || !errors.Is(f.NoForge, forge.ErrNoRequest) && p.Place.Kind != "" {
		return nil
	}
	// Without a forge, a branch that is gone and was not merged is over.
	if p.Git.Remote != "" {
		all, _, err := p.Git.Branches(ctx)
		f.Closed = err == nil &&
			!slices.ContainsFunc(all, func(one proposal.Branch) bool { return one.Name == f.Branch })
	}
	return nil
}

// deliver says how far it came on clusters, by what the key service said last.
func (c *Console) deliver(
	ctx context.Context, p *Proposals, service Service, snapshot *clone.Snapshot, f *followed,
) error {
	paths, err := p.Git.Changed(ctx, f.Commit, f.Merged)
	if err != nil {
		return err
	}
	placements := reached.Affected(snapshot, paths)
	var one string
	if len(placements) == 1 {
		one = placements[0]
	}
	t := c.fleet.answers.about(ctx, snapshot, service, "", one)
	if t.err != nil {
		return refusedLedger(t.err)
	}
	status := t.fleet.Status
	if f.Accepted, err = p.Git.Has(ctx, status.Head, f.Merged); err != nil || !f.Accepted {
		f.Refused = status.Refused
		if err == nil && f.Refused == nil {
			of := asked{fleet: service.Fleet(), owner: person(ctx).Owner, person: service.Person()}
			f.Told = c.fleet.looks.tell(ctx, service, lookedFor{of, f.Merged}, func() { c.fleet.answers.old(of) })
		}
		return err
	}
	f.Delivery, err = reached.On(ctx, p.Git.Has, status, placements, f.Merged)
	f.Delivery.InWaves(snapshot.Model.Waves(one))
	return err
}
