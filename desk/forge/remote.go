package forge

import (
	"cmp"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/bulla-dev/bulla/api/fault"
)

// known are forges that everybody knows: what a token in the environment is for.
var known = map[string]string{"github.com": "github", "gitlab.com": "gitlab", "codeberg.org": "forgejo",
	"gitea.com": "gitea"}

// sshHosts are names that forges have for port 443.
var sshHosts = map[string]string{"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}

// scp is how ssh's own copy names a file at a host: user@host:path.
var scp = regexp.MustCompile(`^(?:[^@/\s]+@)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([^/].*|/[^/].*)$`)

// FromRemote is where the repository of a remote is, by the remote's address. A forge that
// is neither one of those that everybody knows, nor that of the job, nor asked for, is
// none: a token of the environment would go to a host that it is not for. Kind is "" then;
// [Place.Ready] says whether it can be asked.
func FromRemote(remote string, asked Asked, env func(string) string) (Place, error) {
	web, path := pages(remote)
	p := Place{Author: asked.Author}
	if asked.URL != "" {
		web = beside(asked.URL)
		root, _ := url.Parse(web)
		if prefix := strings.Trim(root.Path, "/"); prefix != "" {
			path = strings.TrimPrefix(path, prefix+"/") // a forge below a path
		}
	}
	u, err := url.Parse(web)
	if err != nil || u.Host == "" {
		return p, nil
	}
	p.Kind = cmp.Or(asked.Kind, known[u.Hostname()], p.ofJob(u, env))
	p.Web, p.Repository = web, cmp.Or(asked.Repository, path)
	switch p.Kind {
	case "github":
		p.URL, p.TokenFrom = web+"/api/v3", first(env, "GITHUB_TOKEN", "GH_TOKEN")
		if u.Host == "github.com" {
			p.URL = "https://api.github.com"
		}
	case "gitlab":
		p.URL, p.TokenFrom = web+"/api/v4", "GITLAB_TOKEN"
	case "gitea", "forgejo":
		p.URL, p.TokenFrom = web, first(env, "GITEA_TOKEN", "FORGEJO_TOKEN")
	case "":
		return Place{}, nil
	default:
		return p, fault.NewUsage("--forge takes "+strings.Join(Kinds, ", "), "no forge is called %q", p.Kind)
	}
	p.URL = cmp.Or(asked.URL, p.URL)
	p.Token = env(p.TokenFrom)
	if strings.Count(p.Repository, "/") == 0 || !repository.MatchString(p.Repository) || climbs(p.Repository) {
		return Place{}, nil
	}
	return p, nil
}

// ofJob is the kind of the forge that a job of it runs for.
func (Place) ofJob(at *url.URL, env func(string) string) string {
	if server, err := url.Parse(env("CI_SERVER_URL")); err == nil && server.Host == at.Host && at.Host != "" {
		return "gitlab"
	}
	if server, err := url.Parse(env("GITHUB_SERVER_URL")); err == nil && server.Host == at.Host && at.Host != "" {
		return "github"
	}
	return ""
}

func first(env func(string) string, names ...string) string {
	for _, name := range names {
		if env(name) != "" {
			return name
		}
	}
	return names[0]
}

// pages is where a forge shows the repository of a remote: the root of its pages, and the
// repository's path below.
func pages(remote string) (web, path string) {
	u, err := url.Parse(remote)
	if m := scp.FindStringSubmatch(remote); m != nil && !strings.Contains(remote, "://") {
		u, err = &url.URL{Scheme: "ssh", Host: m[1], Path: "/" + strings.TrimPrefix(m[2], "/")}, nil
	}
	if err != nil || u.Host == "" {
		return "", ""
	}
	path = strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")
	switch u.Scheme {
	case "https":
		return "https://" + u.Host, path
	case "http":
		return "http://" + u.Host, path
	case "ssh", "git+ssh", "ssh+git":
		host := cmp.Or(sshHosts[u.Hostname()], u.Hostname()) // its port is that of ssh
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "https://" + host, path
	}
	return "", ""
}

// beside is the root of the pages that belong to the address of an API.
func beside(api string) string {
	api = strings.TrimSuffix(api, "/")
	if api == "https://api.github.com" {
		return "https://github.com"
	}
	return strings.TrimSuffix(strings.TrimSuffix(api, "/api/v3"), "/api/v4")
}

// Ready says why the forge cannot be asked, and what to do; nil where it can.
func (p Place) Ready() error {
	if p.Kind == "" {
		return fault.NewUsage("with plain Git there are branches alone, and somebody merges them; where it is a forge, "+
			"--forge "+strings.Join(Kinds, ", ")+" says which",
			"the remote is at no forge that is known here")
	}
	return p.checkAddress("")
}

// NewRequest is the page at which a person opens a pull request themselves, "" where none
// is known.
func (p Place) NewRequest(base, branch string) string {
	if p.Kind == "" {
		return ""
	}
	at := p.Web + "/" + p.Repository
	switch p.Kind {
	case "github":
		return at + "/compare/" + escaped(base) + "..." + escaped(branch) + "?expand=1"
	case "gitlab":
		return at + "/-/merge_requests/new?" + url.Values{"merge_request[source_branch]": {branch},
			"merge_request[target_branch]": {base}}.Encode()
	}
	return at + "/compare/" + escaped(base) + "..." + escaped(branch)
}

// escaped is a branch in a path, in which "/" stays.
func escaped(branch string) string { return (&url.URL{Path: branch}).EscapedPath() }

// page is that of a pull request: of ours, not what an answer says.
func (p Place) page(number int) string {
	if p.Web == "" || number <= 0 {
		return ""
	}
	below := map[string]string{"github": "/pull/", "gitlab": "/-/merge_requests/"}[p.Kind]
	return p.Web + "/" + p.Repository + cmp.Or(below, "/pulls/") + strconv.Itoa(number)
}
