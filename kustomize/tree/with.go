package tree

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
		return nil, &Error{Path: file, Problem: "path is not clean and relative"}
	}
	if int64(len(data)) > DefaultLimits.Blob {
		return nil, fmt.Errorf("write %q into tree: %w", file, ErrTooLarge)
	}
	root, err := t.root.with("", strings.Split(file, "/"))
	if err != nil {
		return nil, err
	}
	source := overlaySource{Source: t.source, path: file, data: slices.Clone(data)}
	return &Tree{hash: "folder-" + rand.Text(), root: root, source: source}, nil
}

// with returns a copy of d that has a file at the path of names; at is d's own
// path. Only the folders on the way are copied.
func (d *Dir) with(at string, names []string) (*Dir, error) {
	name := names[0]
	at = Join(at, name)
	if problem := NameProblem(name); problem != "" {
		return nil, &Error{Path: at, Problem: problem}
	}
	n, old := Node{Name: name, Kind: File}, d.find(name)
	if len(names) > 1 {
		below := &Dir{}
		if old != nil && old.Kind == Folder {
			below = old.Dir
		}
		var err error
		if n.Dir, err = below.with(at, names[1:]); err != nil {
			return nil, err
		}
		n.Kind = Folder
	}
	if old != nil && old.Kind != n.Kind {
		return nil, &Error{Path: at, Problem: "a link, folder or file is in the way"}
	}
	entries := slices.DeleteFunc(slices.Clone(d.entries), func(e Node) bool { return e.Name == name })
	entries = append(entries, n)
	slices.SortFunc(entries, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	copied := &Dir{flaw: d.flaw}
	for _, e := range entries {
		copied.Add(e)
	}
	if problem := copied.exceeds(DefaultLimits); problem != "" {
		return nil, &Error{Path: at, Problem: problem}
	}
	return copied, nil
}

// overlaySource gives one file's bytes from memory.
type overlaySource struct {
	Source
	path string
	data []byte
}

func (s overlaySource) Read(path string, n *Node) ([]byte, error) {
	if path == s.path {
		return s.data, nil
	}
	return s.Source.Read(path, n)
}

func (s overlaySource) Size(path string, n *Node) (int64, error) {
	if path == s.path {
		return int64(len(s.data)), nil
	}
	return s.Source.Size(path, n)
}

func (s overlaySource) Blob(path string, n *Node) (Hash, error) {
	if path == s.path {
		return Hash(plumbing.ComputeHash(plumbing.BlobObject, s.data)), nil
	}
	return s.Source.Blob(path, n)
}

// Draft is a commit's tree as a folder's, to write into: a change on its way, which is in
// no commit yet, and which nothing is granted by.
func (t *Tree) Draft() *Tree {
	return &Tree{hash: "folder-" + rand.Text(), root: t.root, source: t.source}
}
