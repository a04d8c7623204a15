package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Change is a commit that changed what was asked about.
type Change struct {
	Commit string
	// Author and Subject are what its author wrote: a stranger's words.
	Author, Subject string
	Time            time.Time
}

// Changed lists the newest commits that changed one of the paths, files or folders, the
// newest first, from newest on along first parents: what a merge brought is the merge's. It
// looks at look commits, and ends when most were found. whole is false where more may be found: at that bound,
// or where a shallow clone ends.
func (c *Clone) Changed(ctx context.Context, newest string, paths []string, most, look int) (
	changes []Change, whole bool, err error,
) {
	diff := treeDiff{objects: c.objects, limit: c.limits.Object, read: map[tree.Hash][]rawEntry{}}
	at, err := c.objects.commit(newest)
	if err != nil {
		return nil, false, fmt.Errorf("look through history: %w", err)
	}
	name := newest
	for range look {
		if err := ctx.Err(); err != nil {
			return nil, false, fmt.Errorf("look through history: %w", err)
		}
		if len(changes) == most {
			return changes, false, nil
		}
		before, parent := "", (*commit)(nil)
		if len(at.parents) > 0 {
			before = at.parents[0].String()
			parent, err = c.objects.commit(before)
			if errors.Is(err, source.ErrUnknownRevision) {
				return changes, false, nil // a shallow clone ends here: it may have changed anything
			}
			if err != nil {
				return nil, false, fmt.Errorf("look through history: %w", err)
			}
		}
		touched, err := diff.anyOf(parent, at, paths)
		if err != nil {
			return nil, false, fmt.Errorf("look through history: %w", err)
		}
		if touched {
			changes = append(changes, c.change(name))
		}
		if parent == nil {
			return changes, true, nil
		}
		name, at = before, parent
	}
	return changes, false, nil
}

func (d *treeDiff) anyOf(before, after *commit, paths []string) (bool, error) {
	var from tree.Hash
	if before != nil {
		from = before.tree
	}
	for _, path := range paths {
		if _, touched, err := d.touches(from, after.tree, path); err != nil || touched {
			return touched, err
		}
	}
	return false, nil
}

func (c *Clone) change(name string) Change {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	change := Change{Commit: name}
	if found, err := c.repo.CommitObject(plumbing.NewHash(name)); err == nil {
		change.Subject, _, _ = strings.Cut(found.Message, "\n")
		change.Author, change.Time = found.Author.Name, found.Committer.When.UTC()
	}
	return change
}

// IsShallow reports whether the clone's history was cut off: what is older is nowhere in
// it, and whether a commit descends from another cannot always be told.
func (c *Clone) IsShallow() bool {
	c.objects.mu.Lock()
	defer c.objects.mu.Unlock()
	cut, err := c.repo.Storer.Shallow()
	return err == nil && len(cut) > 0
}
