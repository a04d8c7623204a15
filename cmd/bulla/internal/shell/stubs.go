package shell

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// mostFiles bounds what is read for one completion: a shell waits for it.
const mostFiles = 5000

// Stubs reads the files of a repository that say that they are stubs, and leaves out
// what is broken: that is for `bulla validate` to tell. Where there is no repository
// there are none.
func (a *Shell) Stubs() (*fleetrepo.Repo, []model.StubFile) {
	repo, err := a.Open()
	if err != nil {
		return nil, nil
	}
	var all []model.StubFile
	files := repo.Tree.Files("")
	for _, entry := range files[:min(len(files), mostFiles)] {
		if !model.ManifestEnding(entry.Path) {
			continue
		}
		data, err := repo.Tree.ReadFile(entry.Path)
		if err != nil || !api.ClaimsStub(data) {
			continue
		}
		if stub, err := model.ParseStub(entry.Path, data); err == nil && stub != nil {
			all = append(all, *stub)
		}
	}
	return repo, all
}

// StubFiles are the names of those files, as seen from the working directory where they
// are below it, else from the repository's root.
func (a *Shell) StubFiles() (all []string) {
	here, err := os.Getwd()
	if err != nil {
		return nil
	}
	repo, stubs := a.Stubs()
	for _, stub := range stubs {
		if seen, err := filepath.Rel(here, repo.Abs(stub.Path)); err == nil && filepath.IsLocal(seen) {
			all = append(all, seen)
		} else {
			all = append(all, stub.Path)
		}
	}
	return all
}

// CompleteStubs completes the file of a stub.
func (a *Shell) CompleteStubs() ([]string, cobra.ShellCompDirective) {
	return a.StubFiles(), cobra.ShellCompDirectiveNoFileComp
}
