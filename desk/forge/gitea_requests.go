package forge

import (
	"context"

	"code.gitea.io/sdk/gitea"
)

// giteaPage is the most that Gitea gives at once, unless it is told otherwise.
const giteaPage = 50

func (c giteas) open(ctx context.Context, p Pull) (Request, error) {
	c.SetContext(ctx)
	made, _, err := c.CreatePullRequest(c.owner, c.name, gitea.CreatePullRequestOption{
		Head: p.Branch, Base: p.Base, Title: p.Title, Body: p.Body,
	})
	if err != nil {
		return Request{}, err
	}
	return c.of(made), nil
}

func (giteas) of(p *gitea.PullRequest) Request {
	r := Request{Number: int(p.Index), Title: p.Title, State: Open}
	if p.Head != nil {
		r.Branch, r.Commit = p.Head.Name, p.Head.Sha
	}
	if p.Base != nil {
		r.Base = p.Base.Ref
	}
	if p.Poster != nil {
		r.Author = p.Poster.UserName
	}
	if p.Updated != nil {
		r.Changed = *p.Updated
	}
	if p.MergedCommitID != nil {
		r.MergeCommit = *p.MergedCommitID
	}
	switch {
	case p.HasMerged:
		r.State = Merged
	case p.State == gitea.StateClosed:
		r.State = Closed
	}
	return r
}

// list goes through pages: no version of the three takes a branch as a filter.
func (c giteas) list(ctx context.Context, state gitea.StateType) (all []Request, err error) {
	c.SetContext(ctx)
	for page := 1; page <= 2*mostListed; page++ {
		found, _, err := c.ListRepoPullRequests(c.owner, c.name, gitea.ListPullRequestsOptions{
			ListOptions: gitea.ListOptions{Page: page, PageSize: giteaPage}, State: state, Sort: "recentupdate",
		})
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			// That of a fork may have a branch of the same name.
			if one.Head != nil && one.Base != nil && one.Head.RepoID == one.Base.RepoID {
				all = append(all, c.of(one))
			}
		}
		if len(found) == 0 {
			break
		}
	}
	return all, nil
}

func (c giteas) ofBranch(ctx context.Context, branch string) (ours []Request, err error) {
	all, err := c.list(ctx, gitea.StateAll)
	for _, one := range all {
		if one.Branch == branch {
			ours = append(ours, one)
		}
	}
	return ours, err
}

func (c giteas) opened(ctx context.Context) ([]Request, error) { return c.list(ctx, gitea.StateOpen) }

func (c giteas) look(ctx context.Context, r *Request) error {
	if r.State != Open {
		return nil
	}
	c.SetContext(ctx)
	p, _, err := c.GetPullRequest(c.owner, c.name, int64(r.Number))
	if err != nil {
		return err
	}
	*r = c.of(p)
	r.Merging = "it conflicts with what was merged meanwhile, or is still looked at"
	if p.Mergeable {
		r.Merging = inWords("mergeable")
	}
	// What a token may not see of these is not known, and no reason to say nothing.
	if status, _, err := c.GetCombinedStatus(c.owner, c.name, r.Commit); err == nil {
		for _, one := range status.Statuses {
			r.Checks.add(string(one.State))
		}
	}
	said, _, err := c.ListPullReviews(c.owner, c.name, int64(r.Number), gitea.ListPullReviewsOptions{})
	if err == nil {
		var words reviews
		for _, one := range said {
			if one.Reviewer != nil && !one.Dismissed && one.State != gitea.ReviewStateComment &&
				one.State != gitea.ReviewStatePending && one.State != gitea.ReviewStateRequestReview {
				words.add(one.Reviewer.UserName, string(one.State))
			}
		}
		words.into(r)
	}
	return nil
}
