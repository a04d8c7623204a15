package kustomize

import (
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// With returns a folder's tree with one file written or replaced, and leaves t
// as it is. The command line builds a placement with a stub that is not on disk
// yet, to learn what it becomes. Commits have no such form: what is built from
// Git is in Git.
func (t *Tree) With(file string, data []byte) (*Tree, error) {
	if t.revision != "" {
		return nil, errors.New("write into tree: it is a commit")
	}
	if path.Clean(file) != file || strings.HasPrefix(file, "/") || file == "." {
		return nil, &TreeError{Path: file, Problem: "path is not clean and relative"}
	}
	if int64(len(data)) > DefaultLimits.Blob {
		return nil, fmt.Errorf("write %q into tree: %w", file, ErrTooLarge)
	}
	root, err := t.root.with("", strings.Split(file, "/"))
	if err != nil {
		return nil, err
	}
	source := overlaySource{source: t.source, path: file, data: slices.Clone(data)}
	return &Tree{hash: "folder-" + rand.Text(), root: root, source: source}, nil
}

// with returns a copy of d that has a file at the path of names; at is d's own
// path. Only the folders on the way are copied.
func (d *dir) with(at string, names []string) (*dir, error) {
	name := names[0]
	at = join(at, name)
	if problem := nameProblem(name); problem != "" {
		return nil, &TreeError{Path: at, Problem: problem}
	}
	n, old := node{name: name, kind: fileNode}, d.find(name)
	if len(names) > 1 {
		below := &dir{}
		if old != nil && old.kind == dirNode {
			below = old.dir
		}
		var err error
		if n.dir, err = below.with(at, names[1:]); err != nil {
			return nil, err
		}
		n.kind = dirNode
	}
	if old != nil && old.kind != n.kind {
		return nil, &TreeError{Path: at, Problem: "a link, folder or file is in the way"}
	}
	entries := slices.DeleteFunc(slices.Clone(d.entries), func(e node) bool { return e.name == name })
	entries = append(entries, n)
	slices.SortFunc(entries, func(a, b node) int { return strings.Compare(a.name, b.name) })
	copied := &dir{flaw: d.flaw}
	for _, e := range entries {
		copied.add(e)
	}
	if problem := copied.exceeds(DefaultLimits); problem != "" {
		return nil, &TreeError{Path: at, Problem: problem}
	}
	return copied, nil
}

// overlaySource gives one file's bytes from memory.
type overlaySource struct {
	source
	path string
	data []byte
}

func (s overlaySource) read(path string, n *node) ([]byte, error) {
	if path == s.path {
		return s.data, nil
	}
	return s.source.read(path, n)
}

func (s overlaySource) size(path string, n *node) (int64, error) {
	if path == s.path {
		return int64(len(s.data)), nil
	}
	return s.source.size(path, n)
}

func (s overlaySource) blob(path string, n *node) (hash, error) {
	if path == s.path {
		return hash(plumbing.ComputeHash(plumbing.BlobObject, s.data)), nil
	}
	return s.source.blob(path, n)
}
