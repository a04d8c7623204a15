// Package revisions opens the commits of a clone that a plan compares.
package revisions

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
	"github.com/bulla-dev/bulla/plan"
)

// Clone is the clone that both revisions are in, as of a time.
type Clone struct {
	*git.Clone

	Folder string

	loader model.Loader
	now    time.Time
}

// Open opens the clone around a folder.
func Open(folder string, now time.Time) (*Clone, error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fault.New("name a folder in the fleet repository", "there is no folder %s", folder)
	}
	clone, err := git.OpenClone(folder, git.Limits{})
	if errors.Is(err, git.ErrNoClone) {
		return nil, fault.New("run this in a clone of the fleet repository, or name one with --repo",
			"a plan compares two commits, and %s is in no Git repository", folder)
	}
	if err != nil {
		return nil, err
	}
	return &Clone{Clone: clone, Folder: folder, now: now}, nil
}

// Read reads a revision.
func (c *Clone) Read(revision plan.Revision) (*plan.Side, error) {
	t, err := c.Tree(revision.Commit)
	if err != nil {
		return nil, fault.New("this may be a shallow or a partial clone: git fetch --unshallow --refetch brings what lacks",
			"read revision %q: %w", revision.Name, err)
	}
	s, err := plan.Open(revision, t, &c.loader, c.now)
	if err != nil {
		return nil, fault.New("`bulla validate` at that revision says more", "%w", err)
	}
	return s, nil
}

// History is the clone's, for a plan.
func (c *Clone) History() plan.History { return history{c} }

type history struct{ *Clone }

func (h history) Follows(commit, other string) bool { return h.Descends(commit, other) }

func (h history) Side(commit string) (*plan.Side, error) {
	return h.Read(plan.Revision{Name: commit, Commit: commit})
}

func (h history) Versions(ctx context.Context, commit string, files []string, each func(string, plan.Version)) (
	lacking map[string]bool, err error,
) {
	return h.Clone.Clone.Versions(ctx, commit, files, func(file string, v git.Version) { each(file, plan.Version(v)) })
}
