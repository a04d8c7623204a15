package forge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
)

// Place is one pull request, and the token for it.
type Place struct {
	Kind string
	// URL of the API; Web is that of its pages, "" where nobody asked for them.
	URL, Web string
	// Repository is "owner/name", or GitLab's path or number of a project.
	Repository string
	Number     int
	// Commit gets the status, "" for the head of the plan.
	Commit string
	// Author is the account whose comments are edited, "" to ask the forge. JobAuthor is
	// that of a job's own token.
	Author, JobAuthor string
	Token             string
	// TokenFrom is the environment variable that it is from.
	TokenFrom string
	// Through is what requests go through, nil for the system's: authorities of its own.
	Through http.RoundTripper
}

// String names it to people.
func (p Place) String() string {
	if p.Number == 0 {
		return p.Kind + " " + p.Repository
	}
	return fmt.Sprintf("%s %s, pull request %d", p.Kind, p.Repository, p.Number)
}

func (p Place) needs() string {
	switch p.Kind {
	case "github":
		return "it needs `permissions: {pull-requests: write, statuses: write}`"
	case "gitlab":
		return "it needs the scope api and the role Reporter; a job's own CI_JOB_TOKEN may not comment"
	}
	return "it needs the scopes write:issue and write:repository"
}

// Asked is what flags say; what they do not is looked up in the environment of a job.
type Asked struct {
	Kind, URL, Repository, Author string
	Number                        int
	// Head says that the head was named too: the plan is of no job's commit.
	Head bool
}

// elsewhere says that flags name another pull request than a job's, or another commit:
// what the environment says of the commit is not of that one.
func (a Asked) elsewhere(job Place) bool {
	return a.Head || a.Number != 0 && a.Number != job.Number ||
		a.Repository != "" && !strings.EqualFold(a.Repository, job.Repository)
}

// Find puts together where to comment.
func Find(asked Asked, env func(string) string) (Place, error) {
	p := Place{Kind: asked.Kind, Author: asked.Author}
	first := func(names ...string) string {
		for _, name := range names {
			if env(name) != "" {
				return name
			}
		}
		return names[0]
	}
	server := env("GITHUB_SERVER_URL")
	switch asked.Kind {
	case "github":
		p.TokenFrom = first("GITHUB_TOKEN", "GH_TOKEN")
		p.URL = cmp.Or(env("GITHUB_API_URL"), "https://api.github.com")
		if env("GITHUB_ACTIONS") != "" {
			p.JobAuthor = "github-actions[bot]"
		}
		p.fromActions(env)
	case "gitlab":
		p.TokenFrom = "GITLAB_TOKEN"
		p.URL = cmp.Or(env("CI_API_V4_URL"), "https://gitlab.com/api/v4")
		p.Repository = cmp.Or(env("CI_MERGE_REQUEST_PROJECT_ID"), env("CI_PROJECT_ID"), env("CI_PROJECT_PATH"))
		asked.Repository = project(asked.Repository, env)
		p.Number, _ = strconv.Atoi(env("CI_MERGE_REQUEST_IID"))
		p.Commit = env("CI_COMMIT_SHA")
	case "gitea", "forgejo":
		p.TokenFrom = first("GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN")
		p.URL = server
		p.JobAuthor = "gitea-actions"
		if asked.Kind == "forgejo" {
			p.JobAuthor = "forgejo-actions"
		}
		p.fromActions(env)
	default:
		return p, fault.NewUsage("--comment takes "+strings.Join(Kinds, ", "), "no forge is called %q", asked.Kind)
	}
	if asked.elsewhere(p) {
		p.Commit = ""
	}
	p.URL, p.Repository = cmp.Or(asked.URL, p.URL), cmp.Or(asked.Repository, p.Repository)
	p.Number = cmp.Or(asked.Number, p.Number)
	p.Token = env(p.TokenFrom)
	return p, p.check()
}

// project is the number of a project that the job knows by its path too: the comment is
// found again by one name of it.
func project(named string, env func(string) string) string {
	for _, of := range []string{"CI_MERGE_REQUEST_PROJECT", "CI_PROJECT"} {
		if named != "" && strings.EqualFold(named, env(of+"_PATH")) {
			return cmp.Or(env(of+"_ID"), named)
		}
	}
	return named
}

// fromActions reads what GitHub's runner, and those after it, say of a pull request.
func (p *Place) fromActions(env func(string) string) {
	p.Repository = env("GITHUB_REPOSITORY")
	if m := pullRef.FindStringSubmatch(env("GITHUB_REF")); m != nil {
		p.Number, _ = strconv.Atoi(m[1])
	}
	p.Commit = env("GITHUB_SHA")
	var event struct {
		PullRequest struct {
			Number int
			Head   struct{ SHA string }
		} `json:"pull_request"`
	}
	data, err := os.ReadFile(env("GITHUB_EVENT_PATH"))
	if err == nil && json.Unmarshal(data, &event) == nil && event.PullRequest.Number > 0 {
		// GITHUB_SHA is the merge that was tried: nobody looks at its status.
		p.Number, p.Commit = event.PullRequest.Number, cmp.Or(event.PullRequest.Head.SHA, p.Commit)
	}
}

var (
	pullRef    = regexp.MustCompile(`^refs/pull/(\d+)/`)
	repository = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)
)

func (p *Place) check() error {
	if err := p.checkAddress("in a job for a pull request the environment says it; "); err != nil {
		return err
	}
	if p.Number <= 0 {
		return fault.NewUsage("in a job for a pull request the environment says it; --pull-request NUMBER names it",
			"nothing says which pull request to comment on")
	}
	return nil
}

// checkAddress holds what a token goes to; where says where else a repository is named.
func (p *Place) checkAddress(where string) error {
	switch u, err := url.Parse(p.URL); {
	case p.Token == "":
		return fault.NewUsage("set the environment variable "+p.TokenFrom+"; no flag takes a token: others would see it",
			"there is no token for %s", p.Kind)
	case !repository.MatchString(p.Repository) || climbs(p.Repository),
		p.Kind != "gitlab" && strings.Count(p.Repository, "/") != 1:
		return fault.NewUsage(where+"--forge-repository OWNER/NAME names it", "%q is no repository at %s", p.Repository,
			p.Kind)
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return fault.NewUsage("--forge-url names it, as https://git.example.com", "%q is no address of %s", p.URL, p.Kind)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fault.NewUsage("use https: whoever is on the way would have the token",
			"the address %s of %s is not encrypted", p.URL, p.Kind)
	}
	return nil
}

// climbs finds a name that an address would be walked by.
func climbs(repository string) bool {
	names := strings.Split(repository, "/")
	return slices.Contains(names, ".") || slices.Contains(names, "..")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (p Place) client(h *http.Client) (client, error) {
	switch p.Kind {
	case "github":
		return newGitHub(p, h)
	case "gitlab":
		return newGitLab(p, h)
	}
	return newGitea(p, h)
}
