package forge

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// State of a pull request.
type State string

// The states.
const (
	Open   State = "open"
	Merged State = "merged"
	Closed State = "closed"
)

// Request is a pull request. Its texts are those of strangers, in one line each.
type Request struct {
	Number int
	// URL of its page at the forge.
	URL                         string
	Branch, Base, Title, Author string
	// Commit is the head of its branch.
	Commit string
	State  State
	// MergeCommit is what came of it on its base, where the forge says so.
	MergeCommit string
	Changed     time.Time
	Checks      Checks
	// ApprovedBy and ChangesBy are who approved it, and who wants changes first.
	ApprovedBy, ChangesBy []string
	// Merging says in words whether it can be merged, "" where the forge does not know
	// yet.
	Merging string
}

// Pull is a pull request that is to be opened.
type Pull struct{ Branch, Base, Title, Body string }

// requests is what the three forges have in common about pull requests.
type requests interface {
	open(ctx context.Context, p Pull) (Request, error)
	// ofBranch are those that come from a branch of the same repository, the newest first.
	ofBranch(ctx context.Context, branch string) ([]Request, error)
	// opened are those that are open, the newest first, as far as the first pages go.
	opened(ctx context.Context) ([]Request, error)
	// look adds what a list does not say.
	look(ctx context.Context, r *Request) error
}

// ErrNoRequest says that there is no pull request for a branch.
var ErrNoRequest = errors.New("there is no pull request for it")

const (
	// mostAgain is how often a branch that was just pushed is tried again, each soon.
	mostAgain = 12
	soon      = time.Second
)

// mostBody is GitHub's bound, the least of the three, in bytes.
const mostBody = 65000

// OpenRequest opens a pull request. Where the branch has one that is open, it is that one.
func (f *Forge) OpenRequest(ctx context.Context, p Pull) (Request, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	what := "open a pull request for " + p.Branch + " at"
	there, err := f.ofBranch(ctx, p.Branch)
	if err != nil {
		return Request{}, f.failed(what, err)
	}
	if i := slices.IndexFunc(there, func(r Request) bool { return r.State == Open }); i >= 0 {
		return there[i], nil
	}
	if len(p.Body) > mostBody {
		p.Body = strings.ToValidUTF8(p.Body[:mostBody], "") + "\n…\n"
	}
	made, err := f.client.open(ctx, p)
	// Gitea knows of a branch a second after it took it, a busy one later: it was asked for
	// the list just now, so what is not found is the branch.
	for n := 0; n < mostAgain && err != nil && f.asked.status() == http.StatusNotFound; n++ {
		select {
		case <-ctx.Done():
		case <-time.After(soon):
		}
		made, err = f.client.open(ctx, p)
	}
	if err == nil {
		return f.cleaned(made), nil
	}
	refused := f.failed(what, err)
	// Somebody else pressed too, or the last answer was lost, or nothing is left to merge.
	if slices.Contains([]int{http.StatusConflict, http.StatusUnprocessableEntity, http.StatusBadRequest},
		f.asked.status()) {
		if there, err := f.ofBranch(ctx, p.Branch); err == nil && len(there) > 0 && there[0].State != Closed {
			return there[0], nil
		}
	}
	return Request{}, refused
}

// FindRequest is the pull request for a branch: the open one, or the newest. The error is
// [ErrNoRequest] where there is none.
func (f *Forge) FindRequest(ctx context.Context, branch string) (Request, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	what := "look for the pull request of " + branch + " at"
	all, err := f.ofBranch(ctx, branch)
	if err != nil {
		return Request{}, f.failed(what, err)
	}
	if len(all) == 0 {
		return Request{}, fault.New("it may not be open yet, or not be seen with the token in "+f.at.TokenFrom,
			"%s %s: %w", what, f.at, ErrNoRequest)
	}
	found := all[max(0, slices.IndexFunc(all, func(r Request) bool { return r.State == Open }))]
	if err := f.client.look(ctx, &found); err != nil {
		return Request{}, f.failed(what, err)
	}
	return f.cleaned(found), nil
}

// OpenRequests are those that are open, of branches that begin with prefix: the newest few
// hundred.
func (f *Forge) OpenRequests(ctx context.Context, prefix string) ([]Request, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := f.client.opened(ctx)
	if err != nil {
		return nil, f.failed("list the pull requests at", err)
	}
	all = slices.DeleteFunc(all, func(r Request) bool { return !strings.HasPrefix(r.Branch, prefix) })
	for i := range all {
		all[i] = f.cleaned(all[i])
	}
	return all, nil
}

// ofBranch holds an answer to what was asked: a forge that does not know a filter gives
// all.
func (f *Forge) ofBranch(ctx context.Context, branch string) ([]Request, error) {
	all, err := f.client.ofBranch(ctx, branch)
	all = slices.DeleteFunc(all, func(r Request) bool { return r.Branch != branch })
	for i := range all {
		all[i] = f.cleaned(all[i])
	}
	return all, err
}

const (
	mostWord = 200
	// mostNames is how many people are named.
	mostNames = 20
)

// cleaned holds what a forge says to what it can be.
func (f *Forge) cleaned(r Request) Request {
	r.URL = f.at.page(r.Number)
	for _, one := range []*string{&r.Branch, &r.Base, &r.Title, &r.Author, &r.Merging} {
		*one = printable.Line(*one, mostWord)
	}
	for _, one := range []*string{&r.Commit, &r.MergeCommit} {
		if !hexid.IsCommit(*one) {
			*one = ""
		}
	}
	if r.State != Merged {
		r.MergeCommit = "" // GitHub: of a merge that it tried
	}
	for _, names := range []*[]string{&r.ApprovedBy, &r.ChangesBy} {
		*names = slices.Clone((*names)[:min(len(*names), mostNames)])
		for i, name := range *names {
			(*names)[i] = printable.Line(name, mostWord)
		}
	}
	return r
}
