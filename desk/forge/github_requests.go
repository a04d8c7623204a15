package forge

import (
	"context"
	"strings"

	"github.com/google/go-github/v74/github"
)

const (
	perPage = 100
	// mostListed pages of pull requests are read.
	mostListed = 5
)

func (c gitHub) open(ctx context.Context, p Pull) (Request, error) {
	made, _, err := c.PullRequests.Create(ctx, c.owner, c.name, &github.NewPullRequest{
		Title: &p.Title, Head: &p.Branch, Base: &p.Base, Body: &p.Body,
	})
	if err != nil {
		return Request{}, err
	}
	return c.request(made), nil
}

func (c gitHub) request(p *github.PullRequest) Request {
	r := Request{
		Number: p.GetNumber(), Branch: p.GetHead().GetRef(), Base: p.GetBase().GetRef(), Title: p.GetTitle(),
		Author: p.GetUser().GetLogin(), Commit: p.GetHead().GetSHA(), State: Open, MergeCommit: p.GetMergeCommitSHA(),
		Changed: p.GetUpdatedAt().Time,
	}
	switch {
	case p.MergedAt != nil || p.GetMerged():
		r.State = Merged
	case p.GetState() == "closed":
		r.State = Closed
	}
	return r
}

// here leaves out the branches of forks, whoever called theirs like ours.
func (c gitHub) here(all []*github.PullRequest) (here []Request) {
	for _, one := range all {
		if strings.EqualFold(one.GetHead().GetRepo().GetFullName(), c.owner+"/"+c.name) {
			here = append(here, c.request(one))
		}
	}
	return here
}

func (c gitHub) ofBranch(ctx context.Context, branch string) ([]Request, error) {
	all, _, err := c.PullRequests.List(ctx, c.owner, c.name, &github.PullRequestListOptions{
		State: "all", Head: c.owner + ":" + branch, Sort: "created", Direction: "desc",
		ListOptions: github.ListOptions{PerPage: perPage},
	})
	return c.here(all), err
}

func (c gitHub) opened(ctx context.Context) (all []Request, err error) {
	for page, n := 1, 0; page != 0 && n < mostListed; n++ {
		found, answer, err := c.PullRequests.List(ctx, c.owner, c.name, &github.PullRequestListOptions{
			State: "open", Sort: "created", Direction: "desc", ListOptions: github.ListOptions{Page: page, PerPage: perPage},
		})
		if err != nil {
			return nil, err
		}
		all, page = append(all, c.here(found)...), answer.NextPage
	}
	return all, nil
}

func (c gitHub) look(ctx context.Context, r *Request) error {
	if r.State != Open {
		return nil
	}
	p, _, err := c.PullRequests.Get(ctx, c.owner, c.name, r.Number)
	if err != nil {
		return err
	}
	*r = c.request(p)
	r.Merging = inWords(p.GetMergeableState())
	all := &github.ListOptions{PerPage: perPage}
	// What a token may not see of these is not known, and no reason to say nothing.
	if status, _, err := c.Repositories.GetCombinedStatus(ctx, c.owner, c.name, r.Commit, all); err == nil {
		for _, one := range status.Statuses {
			r.Checks.add(one.GetState())
		}
	}
	runs, _, err := c.Checks.ListCheckRunsForRef(ctx, c.owner, c.name, r.Commit,
		&github.ListCheckRunsOptions{ListOptions: *all})
	if err == nil {
		for _, one := range runs.CheckRuns {
			r.Checks.add(one.GetConclusion())
		}
	}
	if said, _, err := c.PullRequests.ListReviews(ctx, c.owner, c.name, r.Number, all); err == nil {
		var words reviews
		for _, one := range said {
			if one.GetState() != "COMMENTED" {
				words.add(one.GetUser().GetLogin(), one.GetState())
			}
		}
		words.into(r)
	}
	return nil
}
