package tree

import (
	"fmt"
	"path"
	"strings"
)

// Tree is one commit's files, or a folder's: immutable, validated, safe for
// concurrent use. Paths are slash-separated, clean and relative to the root.
//
// Links and gitlinks are part of the tree, so that a build that touches one is
// refused by its path, but nothing follows or reads them: [Tree.Files] leaves
// them out and [Tree.Exists] does not see them.
type Tree struct {
	hash     string
	revision string
	root     *Dir
	source   Source
}

const notRead = "links and submodules are not read; hint: put the files themselves in its place, " +
	"or take it out (git rm)"

// New is a commit's tree: its hash, its revision (see [Tree.Revision]), its root and
// where its bytes come from.
func New(hash, revision string, root *Dir, source Source) *Tree {
	return &Tree{hash: hash, revision: revision, root: root, source: source}
}

// Source gives the bytes of files.
type Source interface {
	// Read returns the bytes of a file, at most Limits.Blob of them, or
	// [ErrTooLarge].
	Read(path string, n *Node) ([]byte, error)
	// Size returns the size of a file in bytes.
	Size(path string, n *Node) (int64, error)
	// Blob returns the file's Git blob hash.
	Blob(path string, n *Node) (Hash, error)
}

// Entry is one file of a [Tree].
type Entry struct {
	Path string
	// Size in bytes, or the least that it can be for a file that is not here because
	// it is too large to be read.
	Size int64
	// Blob is the Git blob hash in hexadecimal: equal blobs are equal bytes.
	Blob string
}

// Hash is the commit's hash in hexadecimal. For a folder it is a name for this
// one reading of it.
func (t *Tree) Hash() string { return t.hash }

// Revision is "REF@sha1:HASH", the form that Flux uses; "" for a folder.
func (t *Tree) Revision() string { return t.revision }

// ReadFile returns a file's bytes. The error is [ErrNotFound], [ErrTooLarge],
// [ErrCorrupt] or a [Error] for a link.
func (t *Tree) ReadFile(path string) ([]byte, error) {
	n, err := t.Find(path)
	if err != nil {
		return nil, err
	}
	if n == nil || n.Kind != File {
		return nil, fmt.Errorf("read %q: %w", path, ErrNotFound)
	}
	data, err := t.source.Read(path, n)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return data, nil
}

// Root is the folder that holds everything.
func (t *Tree) Root() *Dir { return t.root }

// Blob is the Git blob hash of a file that [Tree.Find] found.
func (t *Tree) Blob(path string, n *Node) (Hash, error) { return t.source.Blob(path, n) }

// Files returns the files at and below prefix, sorted by path. A file whose
// size or hash cannot be read is left out: reading it fails too.
func (t *Tree) Files(prefix string) []Entry {
	var entries []Entry
	t.Walk(prefix, func(path string, n *Node) {
		if n.Kind != File {
			return
		}
		size, err := t.source.Size(path, n)
		if err != nil {
			return
		}
		blob, err := t.source.Blob(path, n)
		if err != nil {
			return
		}
		entries = append(entries, Entry{Path: path, Size: size, Blob: blob.String()})
	})
	return entries
}

// Exists reports whether path is a file or a folder.
func (t *Tree) Exists(path string) bool {
	n, err := t.Find(path)
	return err == nil && n != nil
}

// IsDir reports whether path is a folder. The root is "" or ".".
func (t *Tree) IsDir(path string) bool {
	n, err := t.Find(path)
	return err == nil && n != nil && n.Kind == Folder
}

// Find returns the entry at a path, nil when there is none. A link at the
// path, or above it, is an error: the answer would depend on who follows it.
func (t *Tree) Find(p string) (*Node, error) {
	current := &Node{Kind: Folder, Dir: t.root}
	if p == "" || p == "." {
		return current, nil
	}
	if path.Clean(p) != p || strings.HasPrefix(p, "/") {
		return nil, &Error{Path: p, Problem: "path is not clean and relative"}
	}
	at := ""
	for _, name := range strings.Split(p, "/") {
		if current.Kind != Folder {
			return nil, nil
		}
		next := current.Dir.find(name)
		if next == nil && current.Dir.IsClosed() {
			return nil, current.Dir.flaw.At(at)
		}
		current = next
		if current == nil {
			return nil, nil
		}
		at = Join(at, name)
		switch current.Kind {
		case Link:
			return nil, &Error{Path: at, Problem: notRead}
		case Odd:
			return nil, &Error{Path: at, Problem: "mode is not 040000, 100644 or 100755, or it has no hash"}
		}
	}
	return current, nil
}

// Walk visits every entry below prefix, or prefix itself if it is a file, in
// the order of paths.
func (t *Tree) Walk(prefix string, visit func(path string, n *Node)) {
	if prefix == "." {
		prefix = ""
	}
	prefix = strings.TrimSuffix(prefix, "/")
	n, err := t.Find(prefix)
	if err != nil || n == nil {
		return
	}
	if n.Kind != Folder {
		visit(prefix, n)
		return
	}
	walkDir(prefix, n.Dir, visit)
}

func walkDir(at string, d *Dir, visit func(path string, n *Node)) {
	for n := range d.ByPath() {
		p := Join(at, n.Name)
		visit(p, n)
		if n.Kind == Folder {
			walkDir(p, n.Dir, visit)
		}
	}
}
