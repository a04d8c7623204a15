package kustomize

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
	root     *dir
	source   source
	// parsed is shared by the trees of one mirror; nil for a folder.
	parsed *parseCache
}

// source gives the bytes of files.
type source interface {
	// read returns the bytes of a file, at most Limits.Blob of them, or
	// [ErrTooLarge].
	read(path string, n *node) ([]byte, error)
	// size returns the size of a file in bytes.
	size(path string, n *node) (int64, error)
	// blob returns the file's Git blob hash.
	blob(path string, n *node) (hash, error)
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
// [ErrCorrupt] or a [TreeError] for a link.
func (t *Tree) ReadFile(path string) ([]byte, error) {
	n, err := t.lookup(path)
	if err != nil {
		return nil, err
	}
	if n == nil || n.kind != fileNode {
		return nil, fmt.Errorf("read %q: %w", path, ErrNotFound)
	}
	data, err := t.source.read(path, n)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", path, err)
	}
	return data, nil
}

// Files returns the files at and below prefix, sorted by path. A file whose
// size or hash cannot be read is left out: reading it fails too.
func (t *Tree) Files(prefix string) []Entry {
	var entries []Entry
	t.walk(prefix, func(path string, n *node) {
		if n.kind != fileNode {
			return
		}
		size, err := t.source.size(path, n)
		if err != nil {
			return
		}
		blob, err := t.source.blob(path, n)
		if err != nil {
			return
		}
		entries = append(entries, Entry{Path: path, Size: size, Blob: blob.String()})
	})
	return entries
}

// Exists reports whether path is a file or a folder.
func (t *Tree) Exists(path string) bool {
	n, err := t.lookup(path)
	return err == nil && n != nil
}

// IsDir reports whether path is a folder. The root is "" or ".".
func (t *Tree) IsDir(path string) bool {
	n, err := t.lookup(path)
	return err == nil && n != nil && n.kind == dirNode
}

// lookup returns the entry at a path, nil when there is none. A link at the
// path, or above it, is an error: the answer would depend on who follows it.
func (t *Tree) lookup(p string) (*node, error) {
	current := &node{kind: dirNode, dir: t.root}
	if p == "" || p == "." {
		return current, nil
	}
	if path.Clean(p) != p || strings.HasPrefix(p, "/") {
		return nil, &TreeError{Path: p, Problem: "path is not clean and relative"}
	}
	at := ""
	for _, name := range strings.Split(p, "/") {
		if current.kind != dirNode {
			return nil, nil
		}
		next := current.dir.find(name)
		if next == nil && current.dir.isClosed() {
			return nil, current.dir.flaw.at(at)
		}
		current = next
		if current == nil {
			return nil, nil
		}
		at = join(at, name)
		switch current.kind {
		case linkNode:
			return nil, &TreeError{Path: at, Problem: "links and submodules are not read"}
		case oddNode:
			return nil, &TreeError{Path: at, Problem: "mode is not 040000, 100644 or 100755, or it has no hash"}
		}
	}
	return current, nil
}

// walk visits every entry below prefix, or prefix itself if it is a file, in
// the order of paths.
func (t *Tree) walk(prefix string, visit func(path string, n *node)) {
	if prefix == "." {
		prefix = ""
	}
	prefix = strings.TrimSuffix(prefix, "/")
	n, err := t.lookup(prefix)
	if err != nil || n == nil {
		return
	}
	if n.kind != dirNode {
		visit(prefix, n)
		return
	}
	walkDir(prefix, n.dir, visit)
}

func walkDir(at string, d *dir, visit func(path string, n *node)) {
	for _, i := range pathOrder(d) {
		n := &d.entries[i]
		p := join(at, n.name)
		visit(p, n)
		if n.kind == dirNode {
			walkDir(p, n.dir, visit)
		}
	}
}
