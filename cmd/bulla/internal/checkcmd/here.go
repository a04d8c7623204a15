package checkcmd

import (
	"context"
	"errors"
	"os/exec"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

func (a *run) lookAtClient(context.Context) {
	a.ok("version", "bulla %s", version.Text())
	if path, err := exec.LookPath("git"); err != nil {
		a.failed("git", "install Git: reseal, import and cluster list use it", "there is no program git on the PATH")
	} else {
		a.ok("git", "%s", path)
	}
}

// lookAtRepository holds the fleet's keys to the pinned root key.
func (a *run) lookAtRepository(context.Context) {
	repo, err := a.Open()
	if err != nil {
		a.notAsked("repository", "run this in a clone of the fleet repository, or name one with --repo",
			"there is none here that can be read: %v", err)
		return
	}
	fleet := repo.Model.Fleet
	a.ok("repository", "fleet %q (%s), %s, %s", fleet.Metadata.Name, fleet.Spec.ID,
		plural.Of(len(repo.Model.Clusters), "cluster"), plural.Of(len(repo.Model.Placements), "placement"))
	if _, err := a.OpenVerified(); err != nil {
		a.is(Failed, "root key", err)
	} else {
		a.ok("root key", "pinned, and it signs the keys in fleet.yaml (serial %d)", fleet.Spec.Serial)
	}
	if fleet.Spec.LogKey == "" {
		a.failed("log key", "an operator of the key service puts spec.logKey in: its readiness says which",
			"fleet.yaml names none, so clusters use no answer of the key service")
	}
	clone, err := git.OpenClone(repo.Root, git.Limits{})
	if errors.Is(err, git.ErrNoClone) {
		a.notAsked("commit", "", "the folder is in no Git repository")
		return
	}
	if err != nil {
		a.is(Failed, "commit", err)
		return
	}
	commit, err := clone.Resolve("HEAD")
	if err != nil {
		a.warn("commit", "commit and push it: clusters see nothing else", "the branch has no commit yet")
		return
	}
	a.ok("commit", "%s", commit)
}

// lookAtHead holds the commit that stands here beside the one that the service has.
func (a *run) lookAtHead(accepted string) {
	repo, err := a.Open()
	if err != nil {
		return
	}
	clone, err := git.OpenClone(repo.Root, git.Limits{})
	if err != nil {
		return
	}
	here, err := clone.Resolve("HEAD")
	if err != nil {
		return
	}
	if _, err := clone.Resolve(accepted); err != nil {
		a.warn("this clone", "git fetch, then look again", "it does not have the accepted head")
		return
	}
	switch {
	case here == accepted:
		a.ok("this clone", "stands at the accepted head")
	case clone.Descends(here, accepted):
		a.ok("this clone", "is ahead of the accepted head: what is new here is not merged, or not pushed")
	case clone.Descends(accepted, here):
		a.ok("this clone", "is behind the accepted head: git pull")
	default:
		a.ok("this clone", "is on another branch than the accepted head")
	}
}

// unasked says why nobody was asked, where that is no failure.
func (a *run) unasked(what string, err error) {
	a.notAsked(what, fault.Hint(err), "%v", err)
}
