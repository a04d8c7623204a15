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
	// Made is, of a merge that took what another side has, the commit which made that; nil
	// of others, of a merge that made something of both, and where the history that was
	// looked at does not say.
	Made *Change
}

// Maker is who made it: of a merge that of what it took.
func (c Change) Maker() Change {
	if c.Made != nil {
		return *c.Made
	}
	return c
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
	name, spare := newest, look
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
		path, touched, err := diff.anyOf(parent, at, paths)
		if err != nil {
			return nil, false, fmt.Errorf("look through history: %w", err)
		}
		if touched {
			change := c.change(name)
			if made := diff.maker(name, path, &spare); made != name && made != "" {
				by := c.change(made)
				change.Made = &by
			}
			changes = append(changes, change)
		}
		if parent == nil {
			return changes, true, nil
		}
		name, at = before, parent
	}
	return changes, false, nil
}

// anyOf is the first of paths that differs.
func (d *treeDiff) anyOf(before, after *commit, paths []string) (path string, touched bool, err error) {
	var from tree.Hash
	if before != nil {
		from = before.tree
	}
	for _, path := range paths {
		if _, touched, err := d.touches(from, after.tree, path); err != nil || touched {
			return path, touched, err
		}
	}
	return "", false, nil
}

// maker is the commit that made what a path is in another one: of parents that have the
// same, the first is followed, as git log does. "" says that nobody knows. spare is what may
// be looked at for all of them: merges that each take a long side's first value would have
// each of them walk all of it.
func (d *treeDiff) maker(name, path string, spare *int) string {
	at, err := d.objects.commit(name)
	for ; *spare > 0; *spare-- {
		if err != nil {
			return ""
		}
		next, parent := "", (*commit)(nil)
		for _, hash := range at.parents {
			if parent, err = d.objects.commit(hash.String()); err != nil {
				return ""
			}
			if _, touched, err := d.touches(parent.tree, at.tree, path); err != nil {
				return ""
			} else if !touched {
				next = hash.String()
				break
			}
		}
		if next == "" {
			return name
		}
		name, at = next, parent
	}
	return ""
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
