package main

import (
	"bytes"
	"fmt"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/fleetrepo"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// openAs reads the fleet repository where no root key is at hand: what its fleet.yaml signs
// must be what a commit has that somebody vouches for. A job for a fork's branch has the
// branch that it is for, and no variables.
func (a *app) openAs(revision string) (*fleetrepo.Repo, error) {
	repo, err := a.Open()
	if err != nil {
		return nil, err
	}
	was, err := fleetAt(repo.Root, revision)
	if err != nil {
		return nil, fault.NewUsage("name a commit or a branch of this clone that has a "+fleetrepo.FleetFile,
			"read the keys of %q: %w", revision, err)
	}
	is := repo.Model.Fleet
	if !bytes.Equal(was.Spec.SignedText(), is.Spec.SignedText()) || was.Spec.Signature != is.Spec.Signature {
		return nil, fault.NewTrust("merge that in, where it is newer; whoever changes keys, recovery recipients or the id "+
			"needs the root key: --root-key KEY", "%s is not signed as at %s", fleetrepo.FleetFile, revision)
	}
	return repo, nil
}

func fleetAt(root, revision string) (*api.Fleet, error) {
	clone, err := git.OpenClone(root, git.Limits{})
	if err != nil {
		return nil, err
	}
	commit, err := clone.Resolve(revision)
	if err != nil {
		return nil, err
	}
	tree, err := clone.Tree(commit)
	if err != nil {
		return nil, err
	}
	data, err := tree.ReadFile(fleetrepo.FleetFile)
	if err != nil {
		return nil, fmt.Errorf("it has no %s", fleetrepo.FleetFile)
	}
	return api.ParseFleet(fleetrepo.FleetFile, data)
}
