package forge_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/desk/forge"
)

// TestAForgeIsFoundByItsRemote: by each form of an address. A token of the environment is
// for the forges that everybody knows, for that of the job, and for one that was asked for.
func TestAForgeIsFoundByItsRemote(t *testing.T) {
	env := map[string]string{"GITHUB_TOKEN": "hub", "GITLAB_TOKEN": "lab", "GITEA_TOKEN": "tea"}
	job := map[string]string{"GITLAB_TOKEN": "lab", "CI_SERVER_URL": "https://git.acme.example"}
	hub := "github https://api.github.com https://github.com acme/fleet hub"
	for name, test := range map[string]struct {
		remote string
		asked  forge.Asked
		env    map[string]string
		want   string
	}{
		"https":           {"https://github.com/acme/fleet.git", forge.Asked{}, env, hub},
		"with a token":    {"https://x:secret@github.com/acme/fleet", forge.Asked{}, env, hub},
		"scp":             {"git@github.com:acme/fleet.git", forge.Asked{}, env, hub},
		"scp, a slash":    {"git@github.com:/acme/fleet.git/", forge.Asked{}, env, hub},
		"ssh":             {"ssh://git@github.com/acme/fleet.git", forge.Asked{}, env, hub},
		"ssh through 443": {"ssh://git@ssh.github.com:443/acme/fleet.git", forge.Asked{}, env, hub},
		"a subgroup": {"git@gitlab.com:acme/shop/eu/fleet.git", forge.Asked{}, env,
			"gitlab https://gitlab.com/api/v4 https://gitlab.com acme/shop/eu/fleet lab"},
		"codeberg": {"https://codeberg.org/acme/fleet", forge.Asked{}, env,
			"forgejo https://codeberg.org https://codeberg.org acme/fleet tea"},
		"self-hosted": {"ssh://git@git.acme.example:2222/acme/fleet.git", forge.Asked{Kind: "gitlab"}, env,
			"gitlab https://git.acme.example/api/v4 https://git.acme.example acme/fleet lab"},
		"a port": {"https://git.acme.example:8443/acme/fleet.git", forge.Asked{Kind: "gitea"}, env,
			"gitea https://git.acme.example:8443 https://git.acme.example:8443 acme/fleet tea"},
		"an enterprise": {"git@github.acme.example:acme/fleet.git", forge.Asked{Kind: "github"}, env,
			"github https://github.acme.example/api/v3 https://github.acme.example acme/fleet hub"},
		"below a path": {"https://acme.example/lab/acme/fleet.git",
			forge.Asked{Kind: "gitlab", URL: "https://acme.example/lab/api/v4"}, env,
			"gitlab https://acme.example/lab/api/v4 https://acme.example/lab acme/fleet lab"},
		"the job's": {"https://git.acme.example/acme/fleet.git", forge.Asked{}, job,
			"gitlab https://git.acme.example/api/v4 https://git.acme.example acme/fleet lab"},
		"looks alike":     {"https://github.com.evil.example/acme/fleet", forge.Asked{}, env, ""},
		"looks like it":   {"https://gitlab.evil.example/acme/fleet", forge.Asked{}, env, ""},
		"a user's":        {"https://github.com@evil.example/acme/fleet", forge.Asked{}, env, ""},
		"another job's":   {"https://git.evil.example/acme/fleet", forge.Asked{}, job, ""},
		"climbing":        {"https://gitlab.com/acme/../../fleet", forge.Asked{}, env, ""},
		"a query":         {"https://github.com/acme/fleet%3Fx", forge.Asked{}, env, ""},
		"a folder":        {"/srv/git/fleet.git", forge.Asked{}, env, ""},
		"a folder's":      {"file:///srv/git/fleet.git", forge.Asked{}, env, ""},
		"a helper":        {"ext::sh -c id", forge.Asked{}, env, ""},
		"none":            {"", forge.Asked{}, env, ""},
		"an unknown kind": {"https://github.com/acme/fleet", forge.Asked{Kind: "svn"}, env, "no forge is called"},
	} {
		p, err := forge.FromRemote(test.remote, test.asked, func(key string) string { return test.env[key] })
		got := strings.TrimSpace(strings.Join([]string{p.Kind, p.URL, p.Web, p.Repository, p.Token}, " "))
		if err != nil {
			got = err.Error()
		}
		if got != test.want && (err == nil || !strings.Contains(got, test.want)) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if ready := p.Ready(); err == nil && (ready == nil) != (test.want != "") {
			t.Errorf("%s: ready: %v", name, ready)
		}
	}
}

// TestAPersonCanOpenAPullRequestThemselves, by an address, where no token is.
func TestAPersonCanOpenAPullRequestThemselves(t *testing.T) {
	none := func(string) string { return "" }
	for remote, want := range map[string]string{
		"git@github.com:acme/fleet.git": "https://github.com/acme/fleet/compare/main...bulla/a?expand=1",
		"git@gitlab.com:acme/x/fleet.git": "https://gitlab.com/acme/x/fleet/-/merge_requests/new?" +
			"merge_request%5Bsource_branch%5D=bulla%2Fa&merge_request%5Btarget_branch%5D=main",
		"https://codeberg.org/acme/fleet.git": "https://codeberg.org/acme/fleet/compare/main...bulla/a",
		"https://git.acme.example/fleet.git":  "",
	} {
		p, err := forge.FromRemote(remote, forge.Asked{}, none)
		if got := p.NewRequest("main", "bulla/a"); err != nil || got != want || p.Ready() == nil {
			t.Errorf("%s: %q, %v, ready: %v", remote, got, err, p.Ready())
		}
	}
}
