package kustomize

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
)

type nodeKind uint8

const (
	fileNode nodeKind = iota
	dirNode
	// linkNode is a symbolic link or a gitlink: seen, so that a build that
	// touches it is refused by its path; never followed, never read.
	linkNode
)

// hash is a Git object's SHA-1.
type hash [20]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func parseHash(s string) (h hash, ok bool) {
	if len(s) != 2*len(h) || strings.ToLower(s) != s {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

// node is one entry of a tree. Folders are shared between trees by hash, so
// that a new head costs only the folders that changed.
type node struct {
	name string
	kind nodeKind
	hash hash
	// dir is set for folders.
	dir *dir
}

type dir struct {
	// entries are sorted by name, bytewise.
	entries []node
	// files and dirs are counts at and below this folder, depth the folders
	// below it: bounds hold however a tree repeats itself.
	files, dirs, depth int
}

func (d *dir) find(name string) *node {
	i, ok := slices.BinarySearchFunc(d.entries, name, func(n node, name string) int {
		return strings.Compare(n.name, name)
	})
	if !ok {
		return nil
	}
	return &d.entries[i]
}

// add counts a finished entry and checks the bounds, which hold in every
// folder so that an absurd tree is refused before it is walked.
func (d *dir) add(n node, path string, limits Limits) error {
	switch n.kind {
	case dirNode:
		d.files += n.dir.files
		d.dirs += n.dir.dirs + 1
		d.depth = max(d.depth, n.dir.depth+1)
	default:
		d.files++
	}
	if d.files > limits.Files || d.dirs > limits.Files {
		return &TreeError{Path: path, Problem: "too many files"}
	}
	if d.depth > limits.Depth {
		return &TreeError{Path: path, Problem: "too many folders inside each other"}
	}
	d.entries = append(d.entries, n)
	return nil
}

// rawEntry is one entry of a Git tree object: mode SP name NUL hash.
type rawEntry struct {
	mode string
	name string
	hash hash
}

// parseTree reads a Git tree object strictly: entries in Git's order, unique,
// plain modes, plain names.
func parseTree(path string, data []byte) ([]rawEntry, error) {
	var entries []rawEntry
	seen := map[string]bool{}
	last := ""
	for len(data) > 0 {
		header, rest, ok := bytes.Cut(data, []byte{0})
		if !ok || len(rest) < len(hash{}) {
			return nil, &TreeError{Path: path, Problem: "tree object is cut short"}
		}
		mode, name, ok := strings.Cut(string(header), " ")
		if !ok {
			return nil, &TreeError{Path: path, Problem: "tree object has an entry without a mode"}
		}
		e := rawEntry{mode: mode, name: name, hash: hash(rest[:len(hash{})])}
		data = rest[len(hash{}):]
		if problem := entryProblem(e); problem != "" {
			return nil, &TreeError{Path: join(path, strings.ToValidUTF8(name, "?")), Problem: problem}
		}
		if seen[name] {
			return nil, &TreeError{Path: join(path, name), Problem: "name stands twice"}
		}
		key := sortKey(e)
		if key <= last {
			return nil, &TreeError{Path: join(path, name), Problem: "entries are not sorted"}
		}
		last, seen[name] = key, true
		entries = append(entries, e)
	}
	return entries, nil
}

func entryProblem(e rawEntry) string {
	switch e.mode {
	case "40000", "100644", "100755", "120000", "160000":
	default:
		return "mode is not 040000, 100644 or 100755"
	}
	if e.hash == (hash{}) {
		return "entry has no hash"
	}
	return nameProblem(e.name)
}

// sortKey orders folders as if their name ended in "/", as Git does.
func sortKey(e rawEntry) string {
	if e.mode == "40000" {
		return e.name + "/"
	}
	return e.name
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
