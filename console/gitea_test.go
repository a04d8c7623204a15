package console_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/desk/forge"
	standin "github.com/bulla-dev/bulla/fixtures/forge"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestARealGitea: a change is pushed to it, its pull request opened once, reviewed, merged
// and followed; another one is closed. No stand-in is asked.
func TestARealGitea(t *testing.T) {
	g, err := standin.StartGitea(t)
	if errors.Is(err, standin.ErrNoGitea) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := askingFor(t, nil)
	address := g.URL + "/" + g.Repository + ".git"
	login := strings.Replace(address, "http://", "http://ann:"+g.Password+"@", 1)
	_, err = a.repo.Git("remote", "set-url", "origin", login)
	a.must(err)
	_, err = a.repo.Push()
	a.must(err)
	a.must(g.Took("main"))
	env := map[string]string{"GITEA_TOKEN": g.Token}
	a.proposals.Place, err = forge.FromRemote(login, forge.Asked{Kind: "gitea"},
		func(key string) string { return env[key] })
	a.must(err)

	commit := a.commit("a")
	for range 2 {
		if done := a.opens(commit, "bulla/a"); done.Number != 1 || done.Link != g.URL+"/ann/fleet/pulls/1" {
			t.Fatalf("%+v", done)
		}
	}
	if got, err := http.Get(g.URL + "/ann/fleet/pulls/1"); err != nil || got.StatusCode != http.StatusOK {
		t.Errorf("the page that is linked: %v, %v", got, err)
	}
	a.must(g.Ask(http.MethodPost, "/repos/"+g.Repository+"/statuses/"+commit,
		map[string]any{"state": "failure", "context": "bulla/plan"}, nil))
	a.shows("/requests/bulla/a", "pull request 1", "by ann", "1 of 1 check failed", "nobody has approved it")
	a.shows("/requests", "Pull request 1", "(you)")

	wait.For(t, "it is merged", func() error { // Gitea looks for conflicts first
		return g.Ask(http.MethodPost, "/repos/"+g.Repository+"/pulls/1/merge",
			map[string]any{"Do": "squash", "delete_branch_after_merge": true}, nil)
	})
	a.shows("/requests/bulla/a", "The forge has merged it. The clone")
	a.must(a.proposals.Git.Fetch(t.Context()))
	a.shows("/requests/bulla/a", "Merged into main with", "you are not logged in to the key service")

	done := a.opens(a.commit("b"), "bulla/b")
	a.must(g.Ask(http.MethodPatch, "/repos/"+g.Repository+"/pulls/2", map[string]any{"state": "closed"}, nil))
	a.shows("/requests/bulla/b", "closed without being merged")
	if again := a.opens(commitOf(t, a, "bulla/b"), "bulla/b"); again.Number != done.Number+1 {
		t.Errorf("again: %+v", again)
	}
	a.proposals.Place.Token = "wrong"
	refused := a.propose(commitOf(t, a, "bulla/b"), "bulla/b")
	if refused.NotOpened == nil || !strings.Contains(fault.Hint(refused.NotOpened), "is wrong, or expired") {
		t.Errorf("with a wrong token: %v", refused.NotOpened)
	}
}

// opens proposes until there is a pull request, as a person presses again: a busy Gitea says
// late that it has a branch.
func (a *asking) opens(commit, branch string) (done console.Proposed) {
	a.Helper()
	wait.For(a.T, "a pull request of "+branch+" is opened", func() error {
		done = a.propose(commit, branch)
		return done.NotOpened
	})
	return done
}

// commitOf is what the remote has.
func commitOf(t *testing.T, a *asking, branch string) string {
	out, err := exec.Command("git", "-C", a.repo.Dir(), "rev-parse", "refs/remotes/origin/"+branch).Output()
	if err != nil {
		t.Fatal(err, os.Getenv("PATH"))
	}
	return strings.TrimSpace(string(out))
}
