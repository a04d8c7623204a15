package fleetrepo

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulla-dev/bulla/api/fault"
)

// FleetFile is the root of trust in Git; the folder that holds it is the root.
const FleetFile = "fleet.yaml"

// FindRoot walks up from a folder to the one that holds fleet.yaml, and not
// beyond the top of a Git repository: a fleet.yaml beside a clone is another's.
func FindRoot(from string) (string, error) {
	folder, err := filepath.Abs(from)
	if err != nil {
		return "", fmt.Errorf("find fleet repository: %w", err)
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		// Above it there may be a fleet, and not the one that was meant.
		return "", fault.New("name a folder in the fleet repository", "find fleet repository: there is no folder %s", folder)
	}
	for at := folder; ; at = filepath.Dir(at) {
		if info, err := os.Lstat(filepath.Join(at, FleetFile)); err == nil && info.Mode().IsRegular() {
			return at, nil
		}
		if IsBare(at) {
			return "", fault.New("work in a clone of it, or in a tree of it (git worktree add FOLDER BRANCH)",
				"find fleet repository: %s is a bare repository: no files stand in it", at)
		}
		_, err := os.Lstat(filepath.Join(at, ".git"))
		if err == nil || at == filepath.Dir(at) {
			return "", fault.New("run this inside a fleet repository, name one with --repo, or make one with `bulla init`",
				"find fleet repository: no %s in %s or above it", FleetFile, folder)
		}
	}
}

// IsBare tells a repository without a working tree by what Git itself looks for
// (gitrepository-layout(5)).
func IsBare(folder string) bool {
	head, err := os.Lstat(filepath.Join(folder, "HEAD"))
	if err != nil || head.IsDir() {
		return false
	}
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}
