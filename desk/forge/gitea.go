package forge

import (
	"context"
	"net/http"
	"strings"

	"code.gitea.io/sdk/gitea"
)

// giteas are Gitea and Forgejo, which have one interface.
type giteas struct {
	*gitea.Client

	owner, name string
	number      int64
}

func newGitea(p Place, h *http.Client) (client, error) {
	// Without a version the library asks for one, which Forgejo answers in its own way.
	c, err := gitea.NewClient(strings.TrimSuffix(p.URL, "/"), gitea.SetHTTPClient(h), gitea.SetToken(p.Token),
		gitea.SetGiteaVersion(""))
	owner, name, _ := strings.Cut(p.Repository, "/")
	return giteas{c, owner, name, int64(p.Number)}, err
}

func (c giteas) me(ctx context.Context) (string, error) {
	c.SetContext(ctx)
	user, _, err := c.GetMyUserInfo()
	if err != nil {
		return "", err
	}
	return user.UserName, nil
}

func (c giteas) comments(ctx context.Context, page int) (all []comment, next int, err error) {
	c.SetContext(ctx)
	found, _, err := c.ListIssueComments(c.owner, c.name, c.number,
		gitea.ListIssueCommentOptions{ListOptions: gitea.ListOptions{Page: page, PageSize: 50}})
	if err != nil {
		return nil, 0, err
	}
	for _, one := range found {
		if one.Poster != nil {
			all = append(all, comment{one.ID, one.Poster.UserName, one.Body})
		}
	}
	// Neither says whether there is another page, and some give all comments as each.
	if len(found) > 0 {
		next = page + 1
	}
	return all, next, nil
}

func (c giteas) create(ctx context.Context, body string) error {
	c.SetContext(ctx)
	_, _, err := c.CreateIssueComment(c.owner, c.name, c.number, gitea.CreateIssueCommentOption{Body: body})
	return err
}

func (c giteas) edit(ctx context.Context, id int64, body string) error {
	c.SetContext(ctx)
	_, _, err := c.EditIssueComment(c.owner, c.name, id, gitea.EditIssueCommentOption{Body: body})
	return err
}

func (c giteas) status(ctx context.Context, commit string, verdict Verdict, text string) error {
	c.SetContext(ctx)
	_, _, err := c.CreateStatus(c.owner, c.name, commit, gitea.CreateStatusOption{
		State: gitea.StatusState(verdict), Description: text, Context: statusName,
	})
	return err
}
