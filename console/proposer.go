package console

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/desk/proposal"
)

// Proposer is what a change becomes a branch and a pull request by.
type Proposer interface {
	// Commit makes a commit that no ref points at: see [proposal.Repository.Commit].
	Commit(ctx context.Context, c proposal.Change) (commit string, err error)
	// Propose has the branch made, and a pull request opened. An error is one of the
	// branch: nothing was proposed then. Where the branch stands and the pull request
	// could not be opened, [Proposed.NotOpened] says why, and the same call again goes on
	// from there.
	Propose(ctx context.Context, p Proposal) (Proposed, error)
}

// Proposal is a commit that is to be reviewed.
type Proposal struct {
	Commit string
	// Branch is a name as [proposal.CheckBranch] takes it.
	Branch string
	// Title and Text of the pull request: the plan.
	Title, Text string
}

// Proposed is what came of it.
type Proposed struct {
	Branch string
	// Link is the page of the pull request or, where there is none yet, the one at which a
	// person opens it themselves; "" where no forge is known.
	Link string
	// Number of the pull request; 0 for none.
	Number int
	// NotOpened says why there is no pull request, and what to do. Again: the forge is known,
	// and the same call may open it later.
	NotOpened error
	Again     bool
}

// Proposals proposes by git and, where there is one, a forge. It is a [Proposer], and what
// the pages about requests ask. It is safe for concurrent use.
type Proposals struct {
	Git proposal.Repository
	// Base is the branch that counts, by its name at the remote: "main".
	Base string
	// Place is that of the forge. It may be none, or one that cannot be asked.
	Place forge.Place
	// Plain says that the remote is a folder, or none: no forge is there to be asked.
	Plain bool
	// Reading, where there is one, gives Git for each use: what reads a remote is changed
	// while the console runs.
	Reading func() (proposal.Repository, error)
	// Bars says why nothing is proposed by these, and what to do; nil where something is.
	Bars error

	// denied is what to do where the remote refuses who pushes; "" for what git's own
	// credentials take.
	denied string
}

// NewProposals finds the remote and the forge of a clone, and of the branch that counts, as
// [clone.Open] takes it.
func NewProposals(
	ctx context.Context, folder, branch string, asked forge.Asked, env func(string) string,
) (*Proposals, error) {
	p := &Proposals{Git: proposal.Repository{Folder: folder}, Base: strings.TrimPrefix(branch, "refs/heads/")}
	if rest, ok := strings.CutPrefix(branch, "refs/remotes/"); ok {
		p.Git.Remote, p.Base, _ = strings.Cut(rest, "/")
	}
	address, err := p.Git.Address(ctx)
	if err != nil {
		return nil, err
	}
	p.Place, err = forge.FromRemote(address, asked, env)
	p.Plain = p.Place.Kind == "" && isFolder(address)
	return p, err
}

// isFolder: the remote is a folder, or there is none. No forge is there.
func isFolder(address string) bool {
	return address == "" || strings.HasPrefix(address, "file://") ||
		!strings.Contains(address, "://") && (filepath.IsAbs(address) || strings.HasPrefix(address, ".") ||
			!strings.Contains(address, ":"))
}

// Commit implements [Proposer].
func (p *Proposals) Commit(ctx context.Context, c proposal.Change) (string, error) {
	return p.Git.Commit(ctx, c)
}

// Propose implements [Proposer].
func (p *Proposals) Propose(ctx context.Context, what Proposal) (Proposed, error) {
	if p.Bars != nil {
		return Proposed{}, p.Bars
	}
	if err := p.Git.Propose(ctx, what.Commit, what.Branch); err != nil {
		switch {
		case p.denied == "":
		case errors.Is(err, proposal.ErrDenied):
			err = fault.WithHint(err, p.denied)
		case errors.Is(err, proposal.ErrRefused): // Gitea says so by a hook
			err = fault.WithHint(err, p.denied+". "+fault.Hint(err))
		}
		return Proposed{}, err
	}
	done := Proposed{Branch: what.Branch, Link: p.Place.NewRequest(p.Base, what.Branch)}
	if p.Plain {
		return done, nil
	}
	at, err := p.forge()
	if err != nil {
		done.NotOpened = err
		return done, nil
	}
	request, err := at.OpenRequest(ctx, forge.Pull{Branch: what.Branch, Base: p.Base, Title: what.Title, Body: what.Text})
	if err != nil {
		done.NotOpened, done.Again = err, true
		return done, nil
	}
	done.Link, done.Number = request.URL, request.Number
	return done, nil
}

// forge is a client for one call: it remembers how the last one was answered.
func (p *Proposals) forge() (*forge.Forge, error) {
	if err := p.Place.Ready(); err != nil {
		return nil, err
	}
	return forge.New(p.Place)
}

var errNoProposals = errors.New("this console proposes nothing: it was started without a Git clone of its own")

// proposingAs is what the person who asks proposes with: their own account at the forge,
// where people have one here. The error is [errNoAccount] until they connected it.
func (c *Console) proposingAs(ctx context.Context) (*Proposals, error) {
	shared, err := c.proposing()
	if err != nil || c.accounts == nil {
		return shared, err
	}
	account := person(ctx).Forge.Account()
	if account == nil {
		return nil, fault.New("connect it on the page Account: what you request is then pushed as you",
			"%w at %s", errNoAccount, c.accounts.URL())
	}
	git, place, err := c.accounts.Proposals(ctx, account, shared.Git.Folder, shared.Git.Remote)
	if err != nil {
		return nil, err
	}
	return &Proposals{Git: git, Base: shared.Base, Place: place, denied: "your account " + account.Login + " at " +
		c.accounts.URL() + " may not push a branch there, or its token may not: it needs " + c.accounts.Needs() +
		". Connect it again on the page Account; your change is kept"}, nil
}

var errNoAccount = errors.New("you have not connected your account")

func (c *Console) proposing() (*Proposals, error) {
	if c.proposals == nil {
		return nil, &statusError{http.StatusNotImplemented, errNoProposals}
	}
	if c.proposals.Reading == nil {
		return c.proposals, nil
	}
	now := *c.proposals
	var err error
	now.Git, err = now.Reading()
	return &now, err
}
