// Package fleetrepo opens a fleet repository's working tree for the command
// line: finds its root, reads it with the checks that the key service and the
// controllers use, and verifies its keys under the root key that the user
// pinned.
package fleetrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/desk/trust"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/bulla-dev/bulla/sealing"
)

// Repo is an opened fleet repository.
type Repo struct {
	// Root is the absolute path of the repository.
	Root  string
	Tree  *tree.Tree
	Model *model.Model
	// known is what the fleet tells about later ones; set by Verify.
	known sealing.Known
}

// Open reads the repository that holds folder from. Nothing in it is trusted
// yet; see [Repo.Verify].
func Open(from string) (*Repo, error) {
	root, err := FindRoot(from)
	if err != nil {
		return nil, err
	}
	tree, err := tree.OpenWorkTree(root, gitlinks(root))
	if err != nil {
		return nil, fmt.Errorf("read fleet repository: %w", err)
	}
	model, err := model.Load(tree)
	if err != nil {
		return nil, fmt.Errorf("read fleet repository: %w", err)
	}
	return &Repo{Root: root, Tree: tree, Model: model.At(time.Now())}, nil
}

// Verify checks the fleet's keys under rootKey or, when that is empty, under
// the pinned key. A given key that is not the pinned one is refused too: one
// of the two is wrong.
func (r *Repo) Verify(store *trust.Store, rootKey string) (err error) {
	r.known, err = VerifyFleet(store, r.Model.Fleet, rootKey)
	return err
}

// Remember keeps that this fleet.yaml was used: an older one is refused from
// then on. Looking at a branch does not count, or a review of a new key would
// make the main branch look old.
func (r *Repo) Remember(store *trust.Store) error {
	return store.Remember(r.Model.Fleet.Spec.ID, r.known)
}

// VerifyFleet is [Repo.Verify] for a fleet that is in no repository yet.
func VerifyFleet(store *trust.Store, fleet *api.Fleet, rootKey string) (sealing.Known, error) {
	if rootKey != "" && !trust.IsVerifierKey(rootKey) {
		return sealing.Known{}, fault.NewUsage(trust.VerifierKeyHint, "--root-key is not a root verifier key")
	}
	pin, pinned, err := store.Lookup(fleet.Spec.ID)
	if err != nil {
		return sealing.Known{}, fault.AsTrust(err)
	}
	switch {
	case rootKey == "" && !pinned:
		return sealing.Known{}, fault.NewTrust(
			"get the root verifier key from your fleet's operators, not from this repository, then: bulla trust KEY",
			"no root key is pinned for fleet %q (%s)", fleet.Metadata.Name, fleet.Spec.ID)
	case rootKey == "":
		rootKey = pin.RootKey
	case pinned && pin.RootKey != rootKey:
		return sealing.Known{}, fault.NewTrust(
			"compare both with your fleet's operators; `bulla trust list` shows the pinned one",
			"--root-key is not the root key pinned for fleet %q", fleet.Metadata.Name)
	}
	known, err := pin.Newest().Accept(&fleet.Spec, rootKey)
	switch {
	case errors.Is(err, sealing.ErrRolledBack):
		return known, fault.NewTrust("get the newest "+FleetFile+
			" (merge the default branch, or the branch that brings the newer one if it is not merged yet: somebody sealed "+
			"by it here); if your fleet's operators say that this one is right: bulla trust KEY --replace",
			"verify %s: %w", FleetFile, err)
	case errors.Is(err, sealing.ErrSignature):
		return known, fault.NewTrust(
			"do not seal: somebody changed keys, recovery recipients or the id, or this is another fleet; ask your "+
				"fleet's operators",
			"verify %s: %w", FleetFile, err)
	case err != nil:
		return known, fault.NewUsage(trust.VerifierKeyHint, "this is not a root verifier key: %w", err)
	}
	return known, nil
}

// Read reads a file that a person named, and says how it is called from the root.
func (r *Repo) Read(name string) (file string, data []byte, err error) {
	if file, err = r.Rel(name); err != nil {
		return "", nil, err
	}
	data, err = os.ReadFile(r.Abs(file))
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fault.New("name it by its path, from here or from the repository's root; `git ls-files` lists all",
			"there is no file %s in the fleet repository", file)
	case errors.As(err, &at): // the whole path says where somebody's home is, and nothing more
		err = &fs.PathError{Op: at.Op, Path: file, Err: at.Err}
	}
	return file, data, err
}

// Rel returns the slash-separated path inside the repository of a file that somebody
// named; see [Named].
func (r *Repo) Rel(path string) (string, error) {
	abs, err := filepath.Abs(Named(r.Root, path))
	if err != nil {
		return "", fmt.Errorf("find file: %w", err)
	}
	rel, err := filepath.Rel(r.Root, abs)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", fault.New("a stub is part of the fleet repository: name a path inside it",
			"the file is outside the fleet repository %s", r.Root)
	}
	if err := r.checkLinks(filepath.FromSlash(rel)); err != nil {
		return "", err
	}
	return filepath.ToSlash(rel), nil
}

// checkLinks refuses a path with a link in it: the file would be somewhere else
// than it says, outside the repository for all we know.
func (r *Repo) checkLinks(rel string) error {
	at := r.Root
	for _, name := range strings.Split(rel, string(filepath.Separator)) {
		at = filepath.Join(at, name)
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find file: %w", err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return fault.New("name the file by its real path", "a link leads to the file")
		}
	}
	return nil
}

// Abs returns where a file of the repository is on disk.
func (r *Repo) Abs(rel string) string { return filepath.Join(r.Root, filepath.FromSlash(rel)) }
