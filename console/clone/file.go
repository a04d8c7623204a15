package clone

import (
	"context"

	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// History asks what was before a snapshot.
type History struct{ Snapshot *Snapshot }

// Changed lists the newest commits that changed one of the paths: see [Snapshot.Changed].
func (h History) Changed(ctx context.Context, most int, paths ...string) ([]git.Change, bool, error) {
	return h.Snapshot.Changed(ctx, most, paths...)
}

// FileAt is what a file was in a commit. The fleet there is not looked at.
func (h History) FileAt(commit, path string) ([]byte, error) {
	t, err := h.Snapshot.clone.Tree(commit)
	if err != nil {
		return nil, err
	}
	return t.ReadFile(path)
}
