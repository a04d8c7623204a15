package forge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
)

// Kinds are the forges, as people name them.
var Kinds = []string{"github", "gitlab", "gitea", "forgejo"}

// comment is one that stands already.
type comment struct {
	id           int64
	author, body string
}

// Verdict is how a plan ended.
type Verdict string

// The verdicts.
const (
	Success Verdict = "success"
	Failure Verdict = "failure"
)

// statusName is the name of the commit status.
const statusName = "bulla/plan"

// client is what the three forges have in common. Errors are those of their libraries.
type client interface {
	// me is the account of the token.
	me(ctx context.Context) (string, error)
	// comments are those of the pull request, the oldest first; next is the page after,
	// 0 for none.
	comments(ctx context.Context, page int) (all []comment, next int, err error)
	create(ctx context.Context, body string) error
	edit(ctx context.Context, id int64, body string) error
	status(ctx context.Context, commit string, verdict Verdict, text string) error
	requests
}

// numbered is a forge at which a repository has two names, and one of them for good.
type numbered interface {
	// number is that one.
	number(ctx context.Context) (string, error)
}

// Forge is one repository at one forge, or one pull request of it.
type Forge struct {
	at     Place
	client client
	asked  *asking
}

// New makes a client. Nothing is asked yet.
func New(at Place) (*Forge, error) {
	asked := &asking{token: at.Token, to: http.DefaultTransport, host: at.URL}
	if at.Through != nil {
		asked.to = at.Through
	}
	c, err := at.client(asked.http())
	if err != nil {
		return nil, fault.New("the address is that of the forge's API, with https://", "open %s: %w", at.Kind, err)
	}
	return &Forge{at: at, client: c, asked: asked}, nil
}

// Marker is that of the place, by the name of the repository that every job knows it by:
// whoever is asked to comment from elsewhere finds the comment of a job.
func (f *Forge) Marker(ctx context.Context) (string, error) {
	if forge, ok := f.client.(numbered); ok && !number.MatchString(f.at.Repository) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		id, err := forge.number(ctx)
		if err != nil {
			return "", f.failed("comment on", err)
		}
		f.at.Repository = id
	}
	return f.at.Marker(), nil
}

var number = regexp.MustCompile(`^[0-9]+$`)

// Marker is the hidden line by which a repository's comment is found again. It is a hash:
// a name could end the HTML comment that it stands in.
func (p Place) Marker() string {
	sum := sha256.Sum256([]byte(strings.ToLower(p.Repository)))
	return "<!-- bulla plan " + hex.EncodeToString(sum[:8]) + " -->"
}

// mostPages of comments are looked through.
const mostPages = 100

// Comment has a body stand on the pull request: it edits the comment of before, or makes
// one. The body begins with the marker.
func (f *Forge) Comment(ctx context.Context, body string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	id, err := f.find(ctx)
	if err != nil {
		return f.failed("comment on", err)
	}
	if id != 0 {
		err = f.client.edit(ctx, id, body)
		if err == nil || f.asked.status() != http.StatusNotFound {
			return f.failed("edit the comment on", err)
		}
	} // or it went between the two
	return f.failed("comment on", f.client.create(ctx, body))
}

// find is the comment of before, 0 for none: with the marker at its beginning, by the
// account of the token.
func (f *Forge) find(ctx context.Context) (int64, error) {
	me, err := f.author(ctx)
	if err != nil {
		return 0, err
	}
	var first int64
	for page, n := 1, 0; page != 0 && n < mostPages; n++ {
		all, next, err := f.client.comments(ctx, page)
		if err != nil {
			return 0, err
		}
		if len(all) > 0 && all[0].id == first {
			break // the same page again
		}
		if len(all) > 0 {
			first = all[0].id
		}
		i := slices.IndexFunc(all, func(c comment) bool {
			return strings.EqualFold(c.author, me) && strings.HasPrefix(c.body, f.at.Marker())
		})
		if i >= 0 {
			return all[i].id, nil
		}
		page = next
	}
	return 0, nil
}

// author is whose comments are edited. The token of a job may not ask who it is: its
// account has a name of the forge's.
func (f *Forge) author(ctx context.Context) (string, error) {
	if f.at.Author != "" {
		return f.at.Author, nil
	}
	me, err := f.client.me(ctx)
	if err != nil && f.at.JobAuthor != "" &&
		slices.Contains([]int{http.StatusForbidden, http.StatusNotFound}, f.asked.status()) {
		return f.at.JobAuthor, nil
	}
	return me, err
}

// mostStatus is how long the text of a status may be, at GitHub.
const mostStatus = 140

// Status says on the commit how the plan ended.
func (f *Forge) Status(ctx context.Context, verdict Verdict, text string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if runes := []rune(text); len(runes) > mostStatus {
		text = string(runes[:mostStatus-1]) + "…"
	}
	return f.failed("set the status of "+f.at.Commit+" for", f.client.status(ctx, f.at.Commit, verdict, text))
}
