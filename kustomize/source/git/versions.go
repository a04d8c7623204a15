package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

const (
	// mostVersions bounds what is read of one file.
	mostVersions = 200
	// mostReads bounds the commits, folders and files that are read for all files
	// together: who pushes decides how many there are.
	mostReads = 100_000
)

// Version is what a file was, and the newest commit that was seen to have it so.
type Version struct {
	Commit string
	Data   []byte
}

// Versions hands over what files were in a commit and in all before it, each content of
// a file once. lacking are the files of which more may have been there: more than is
// read, or something that the clone does not have, as a shallow or a partial one. each
// must not ask the clone.
func (c *Clone) Versions(ctx context.Context, commit string, files []string, each func(file string, v Version)) (
	lacking map[string]bool, err error,
) {
	return c.versions(ctx, commit, files, mostReads, each)
}

func (c *Clone) versions(ctx context.Context, commit string, files []string, most int,
	each func(file string, v Version)) (lacking map[string]bool, err error) {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	s := search{clone: c, each: each, left: most, known: map[place]bool{}, versions: map[string]int{},
		lacking: map[string]bool{}}
	queue, seen := []plumbing.Hash{plumbing.NewHash(commit)}, map[plumbing.Hash]bool{}
	for ; len(queue) > 0 && len(s.lacking) < len(files); queue = queue[1:] {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("look through history: %w", err)
		}
		hash := queue[0]
		if seen[hash] {
			continue
		}
		seen[hash] = true
		at, err := c.repo.CommitObject(hash)
		if s.left--; s.left < 0 || errors.Is(err, plumbing.ErrObjectNotFound) { // of a shallow clone
			s.lack(files)
			break
		}
		if err != nil {
			return nil, fmt.Errorf("look through history: %w", err)
		}
		queue = append(queue, at.ParentHashes...)
		s.folder(hash.String(), place{at.TreeHash, ""}, files)
	}
	return s.lacking, nil
}

// search looks for files in many trees, most of which are the same.
type search struct {
	clone    *Clone
	each     func(file string, v Version)
	left     int // of the reads
	known    map[place]bool
	versions map[string]int
	lacking  map[string]bool
}

// place is an object at a path: the folder's with the slash.
type place struct {
	hash plumbing.Hash
	path string
}

// folder looks for files, whose paths begin with the folder's, in what was not seen yet.
func (s *search) folder(commit string, at place, files []string) {
	if !s.fresh(at, files) {
		return
	}
	found, err := object.GetTree(s.clone.repo.Storer, at.hash)
	if err != nil {
		s.lack(files)
		return
	}
	below := map[string][]string{}
	for _, file := range files {
		name, _, _ := strings.Cut(file[len(at.path):], "/")
		below[name] = append(below[name], file)
	}
	for _, e := range found.Entries {
		switch path := at.path + e.Name; {
		case len(below[e.Name]) == 0:
		case e.Mode == filemode.Dir:
			inside := slices.DeleteFunc(slices.Clone(below[e.Name]), func(file string) bool { return file == path })
			if len(inside) > 0 {
				s.folder(commit, place{e.Hash, path + "/"}, inside)
			}
		case e.Mode.IsFile() && slices.Contains(below[e.Name], path):
			s.file(commit, place{e.Hash, path})
		}
	}
}

func (s *search) file(commit string, at place) {
	file := []string{at.path}
	if !s.fresh(at, file) {
		return
	}
	if s.versions[at.path]++; s.versions[at.path] > mostVersions {
		s.lack(file)
		return
	}
	switch data, err := s.read(at.hash); {
	case errors.Is(err, tree.ErrTooLarge): // it was no stub
	case err != nil:
		s.lack(file)
	default:
		s.each(at.path, Version{Commit: commit, Data: data})
	}
}

// fresh says whether something is to be read: it was not before, and may be.
func (s *search) fresh(at place, files []string) bool {
	if s.known[at] {
		return false
	}
	s.known[at] = true
	if s.left--; s.left < 0 {
		s.lack(files)
	}
	return s.left >= 0
}

func (s *search) lack(files []string) {
	for _, file := range files {
		s.lacking[file] = true
	}
}

func (s *search) read(blob plumbing.Hash) ([]byte, error) {
	found, err := object.GetBlob(s.clone.repo.Storer, blob)
	if err != nil {
		return nil, err
	}
	if found.Size > s.clone.limits.Blob {
		return nil, fmt.Errorf("read %s: %w", blob, tree.ErrTooLarge)
	}
	file := object.NewFile("", 0, found)
	text, err := file.Contents()
	return []byte(text), err
}
