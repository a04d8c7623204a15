package forge

import (
	"context"
	"net/http"
	"strconv"

	gitlab "gitlab.com/gitlab-org/api/client-go"
	"golang.org/x/oauth2"
)

type gitLab struct {
	*gitlab.Client

	project string
	request int64
}

func newGitLab(p Place, h *http.Client) (client, error) {
	// As a bearer GitLab takes a token of OAuth and one that a person made; in its own header
	// the second alone.
	bearer := gitlab.OAuthTokenSource{TokenSource: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: p.Token})}
	c, err := gitlab.NewAuthSourceClient(bearer, gitlab.WithBaseURL(p.URL), gitlab.WithHTTPClient(h),
		gitlab.WithoutRetries())
	return gitLab{c, p.Repository, int64(p.Number)}, err
}

func (c gitLab) me(ctx context.Context) (string, error) {
	user, _, err := c.Users.CurrentUser(gitlab.WithContext(ctx))
	if err != nil {
		return "", err
	}
	return user.Username, nil
}

func (c gitLab) number(ctx context.Context) (string, error) {
	project, _, err := c.Projects.GetProject(c.project, nil, gitlab.WithContext(ctx))
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(project.ID, 10), nil
}

func (c gitLab) comments(ctx context.Context, page int) (all []comment, next int, err error) {
	found, answer, err := c.Notes.ListMergeRequestNotes(c.project, c.request, &gitlab.ListMergeRequestNotesOptions{
		ListOptions: gitlab.ListOptions{Page: int64(page), PerPage: 100}, Sort: gitlab.Ptr("asc"),
		OrderBy: gitlab.Ptr("created_at"),
	}, gitlab.WithContext(ctx))
	if err != nil {
		return nil, 0, err
	}
	for _, one := range found {
		if !one.System {
			all = append(all, comment{one.ID, one.Author.Username, one.Body})
		}
	}
	return all, int(answer.NextPage), nil
}

func (c gitLab) create(ctx context.Context, body string) error {
	_, _, err := c.Notes.CreateMergeRequestNote(c.project, c.request,
		&gitlab.CreateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	return err
}

func (c gitLab) edit(ctx context.Context, id int64, body string) error {
	_, _, err := c.Notes.UpdateMergeRequestNote(c.project, c.request, id,
		&gitlab.UpdateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	return err
}

func (c gitLab) status(ctx context.Context, commit string, verdict Verdict, text string) error {
	value := gitlab.Success
	if verdict == Failure {
		value = gitlab.Failed
	}
	_, _, err := c.Commits.SetCommitStatus(c.project, commit, &gitlab.SetCommitStatusOptions{
		State: value, Name: gitlab.Ptr(statusName), Description: &text,
	}, gitlab.WithContext(ctx))
	return err
}
