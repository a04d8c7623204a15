package forge

import (
	"context"

	gitlab "gitlab.com/gitlab-org/api/client-go"
)

func (c gitLab) open(ctx context.Context, p Pull) (Request, error) {
	made, _, err := c.MergeRequests.CreateMergeRequest(c.project, &gitlab.CreateMergeRequestOptions{
		Title: &p.Title, Description: &p.Body, SourceBranch: &p.Branch, TargetBranch: &p.Base,
	}, gitlab.WithContext(ctx))
	if err != nil {
		return Request{}, err
	}
	return c.of(&made.BasicMergeRequest), nil
}

func (gitLab) of(m *gitlab.BasicMergeRequest) Request {
	r := Request{
		Number: int(m.IID), Branch: m.SourceBranch, Base: m.TargetBranch, Title: m.Title, Commit: m.SHA,
		State: Open, MergeCommit: m.MergeCommitSHA,
	}
	if m.Author != nil {
		r.Author = m.Author.Username
	}
	if m.UpdatedAt != nil {
		r.Changed = *m.UpdatedAt
	}
	switch m.State {
	case "merged":
		r.State = Merged
		if r.MergeCommit == "" { // of a fast-forward there is none
			r.MergeCommit = m.SquashCommitSHA
		}
		if r.MergeCommit == "" {
			r.MergeCommit = m.SHA
		}
	case "closed", "locked":
		r.State = Closed
	}
	return r
}

func (c gitLab) list(ctx context.Context, o gitlab.ListProjectMergeRequestsOptions) (all []Request, err error) {
	o.OrderBy, o.Sort, o.PerPage = gitlab.Ptr("created_at"), gitlab.Ptr("desc"), perPage
	for o.Page = 1; o.Page != 0 && o.Page <= mostListed; {
		found, answer, err := c.MergeRequests.ListProjectMergeRequests(c.project, &o, gitlab.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			// That of a fork may have a branch of the same name.
			if one.SourceProjectID == one.TargetProjectID {
				all = append(all, c.of(one))
			}
		}
		o.Page = answer.NextPage
	}
	return all, nil
}

func (c gitLab) ofBranch(ctx context.Context, branch string) ([]Request, error) {
	return c.list(ctx, gitlab.ListProjectMergeRequestsOptions{State: gitlab.Ptr("all"), SourceBranch: &branch})
}

func (c gitLab) opened(ctx context.Context) ([]Request, error) {
	return c.list(ctx, gitlab.ListProjectMergeRequestsOptions{State: gitlab.Ptr("opened")})
}

func (c gitLab) look(ctx context.Context, r *Request) error {
	if r.State != Open {
		return nil
	}
	m, _, err := c.MergeRequests.GetMergeRequest(c.project, int64(r.Number), nil, gitlab.WithContext(ctx))
	if err != nil {
		return err
	}
	*r = c.of(&m.BasicMergeRequest)
	r.Merging = inWords(m.DetailedMergeStatus)
	if m.HeadPipeline != nil {
		r.Checks.add(m.HeadPipeline.Status)
	}
	// What a token may not see of these is not known, and no reason to say nothing.
	said, _, err := c.MergeRequestApprovals.GetConfiguration(c.project, int64(r.Number), gitlab.WithContext(ctx))
	if err == nil {
		for _, one := range said.ApprovedBy {
			if one.User != nil {
				r.ApprovedBy = append(r.ApprovedBy, one.User.Username)
			}
		}
	}
	return nil
}
