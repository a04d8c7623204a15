package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

// mostVersions and mostCommits bound what is looked at for one file.
const (
	mostVersions = 200
	mostCommits  = 20_000
)

// Version is what a file was, and the newest commit that was seen to have it so.
type Version struct {
	Commit string
	Data   []byte
}

// Versions are what a file was in a commit and in all before it, each content once. whole
// is false where more is there than is looked at, or where the clone lacks commits.
func (c *Clone) Versions(ctx context.Context, commit, file string) (versions []Version, whole bool, err error) {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	w := walk{clone: c, seen: map[plumbing.Hash]bool{}, found: map[string]plumbing.Hash{}}
	blobs := map[plumbing.Hash]bool{}
	for queue := []plumbing.Hash{plumbing.NewHash(commit)}; len(queue) > 0; queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return nil, false, fmt.Errorf("look through history: %w", err)
		}
		hash := queue[0]
		if w.seen[hash] {
			continue
		}
		if w.seen[hash] = true; len(w.seen) > mostCommits || len(versions) >= mostVersions {
			return versions, false, nil
		}
		at, err := c.repo.CommitObject(hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return versions, false, nil // of a shallow clone
		}
		if err != nil {
			return nil, false, fmt.Errorf("look through history: %w", err)
		}
		queue = append(queue, at.ParentHashes...)
		blob := w.find(at.TreeHash, file)
		if blob.IsZero() || blobs[blob] {
			continue
		}
		blobs[blob] = true
		data, err := w.read(blob)
		if err != nil {
			continue // it is too large to be a stub, or not here
		}
		versions = append(versions, Version{Commit: hash.String(), Data: data})
	}
	return versions, true, nil
}

// walk looks for one file in many trees, most of which are the same.
type walk struct {
	clone *Clone
	seen  map[plumbing.Hash]bool
	found map[string]plumbing.Hash
}

func (w *walk) find(folder plumbing.Hash, file string) plumbing.Hash {
	key := folder.String() + " " + file
	if known, ok := w.found[key]; ok {
		return known
	}
	name, rest, below := strings.Cut(file, "/")
	var hash plumbing.Hash
	if t, err := object.GetTree(w.clone.repo.Storer, folder); err == nil {
		for i := range t.Entries {
			if e := &t.Entries[i]; e.Name == name && below {
				hash = w.find(e.Hash, rest)
			} else if e.Name == name {
				hash = e.Hash
			}
		}
	}
	w.found[key] = hash
	return hash
}

func (w *walk) read(blob plumbing.Hash) ([]byte, error) {
	found, err := object.GetBlob(w.clone.repo.Storer, blob)
	if err != nil {
		return nil, err
	}
	if found.Size > w.clone.limits.Blob {
		return nil, fmt.Errorf("read %s: %w", blob, tree.ErrTooLarge)
	}
	file := object.NewFile("", 0, found)
	text, err := file.Contents()
	return []byte(text), err
}
