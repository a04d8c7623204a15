package forge

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v74/github"
)

type gitHub struct {
	*github.Client

	owner, name string
	number      int
}

func newGitHub(p Place, h *http.Client) (client, error) {
	base, err := url.Parse(strings.TrimSuffix(p.URL, "/") + "/")
	if err != nil {
		return nil, err
	}
	c := github.NewClient(h).WithAuthToken(p.Token)
	c.BaseURL = base
	owner, name, _ := strings.Cut(p.Repository, "/")
	return gitHub{c, owner, name, p.Number}, nil
}

func (c gitHub) me(ctx context.Context) (string, error) {
	user, _, err := c.Users.Get(ctx, "")
	return user.GetLogin(), err
}

func (c gitHub) comments(ctx context.Context, page int) (all []comment, next int, err error) {
	found, answer, err := c.Issues.ListComments(ctx, c.owner, c.name, c.number,
		&github.IssueListCommentsOptions{ListOptions: github.ListOptions{Page: page, PerPage: 100}})
	if err != nil {
		return nil, 0, err
	}
	for _, one := range found {
		all = append(all, comment{one.GetID(), one.GetUser().GetLogin(), one.GetBody()})
	}
	return all, answer.NextPage, nil
}

func (c gitHub) create(ctx context.Context, body string) error {
	_, _, err := c.Issues.CreateComment(ctx, c.owner, c.name, c.number, &github.IssueComment{Body: &body})
	return err
}

func (c gitHub) edit(ctx context.Context, id int64, body string) error {
	_, _, err := c.Issues.EditComment(ctx, c.owner, c.name, id, &github.IssueComment{Body: &body})
	return err
}

func (c gitHub) status(ctx context.Context, commit string, verdict Verdict, text string) error {
	_, _, err := c.Repositories.CreateStatus(ctx, c.owner, c.name, commit, &github.RepoStatus{
		State: github.Ptr(string(verdict)), Description: &text, Context: github.Ptr(statusName),
	})
	return err
}
