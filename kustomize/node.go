package kustomize

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

type nodeKind uint8

const (
	fileNode nodeKind = iota
	dirNode
	// linkNode is a symbolic link or a gitlink: seen, so that a build that
	// touches it is refused by its path; never followed, never read.
	linkNode
	// oddNode is an entry of a mode that Git does not write: it may not be
	// missing, since what is missing from placements/ is removed.
	oddNode
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
	// flaw is set when not everything in this very folder can be told.
	flaw *flaw
	// cut says that something below was left out for where it stands: the same
	// folder elsewhere may have it.
	cut bool
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

// add appends a finished entry and counts it.
func (d *dir) add(n node) {
	d.entries = append(d.entries, n)
	d.count(n)
}

func (d *dir) count(n node) {
	if n.kind != dirNode {
		d.files++
		return
	}
	d.files += n.dir.files
	d.dirs += n.dir.dirs + 1
	d.depth = max(d.depth, n.dir.depth+1)
	d.cut = d.cut || n.dir.cut
}

// exceeds says which bound of a tree the folder passes, "" for none.
func (d *dir) exceeds(limits Limits) string {
	switch {
	case d.files > limits.Files || d.dirs > limits.Files:
		return tooManyFiles
	case d.depth > limits.Depth:
		return tooDeep
	}
	return ""
}

const (
	tooManyFiles = "too many files"
	tooDeep      = "too many folders inside each other"
)

// shrink closes the largest folders below until the bound on files holds: who
// adds a million files to docs/ loses docs/, and nobody else anything. The
// outcome depends on the entries alone. A folder with too many files of its own
// is closed itself. At the root, what grants stays: whoever may push could
// otherwise end the fleet by files that nobody reads.
//
// It is asked once for a folder: asked for each entry, two hundred thousand small
// folders would take minutes.
func (d *dir) shrink(limits Limits, isRoot bool) *dir {
	if d.exceeds(limits) != tooManyFiles {
		return d
	}
	grants := func(n node) bool { return isRoot && isGranting(n.name) }
	var below []int // what can be closed, the largest first
	for i, n := range d.entries {
		if n.kind == dirNode && n.dir.size() > 1 && !grants(n) {
			below = append(below, i)
		}
	}
	slices.SortStableFunc(below, func(a, b int) int { return d.entries[b].dir.size() - d.entries[a].dir.size() })
	for _, i := range below {
		d.files, d.dirs = d.files-d.entries[i].dir.files+1, d.dirs-d.entries[i].dir.dirs
		d.entries[i].dir = closed("", tooManyFiles)
		if d.files <= limits.Files && d.dirs <= limits.Files {
			break
		}
	}
	d.recount()
	if d.exceeds(limits) == tooManyFiles {
		return d.onlyGranting(limits, grants)
	}
	return d
}

// onlyGranting closes a folder but for what grants in it.
func (d *dir) onlyGranting(limits Limits, grants func(node) bool) *dir {
	kept := &dir{entries: slices.DeleteFunc(d.entries, func(n node) bool { return !grants(n) })}
	kept.recount()
	if len(kept.entries) == 0 || kept.exceeds(limits) != "" {
		return closed("", tooManyFiles)
	}
	kept.flaw = &flaw{problem: tooManyFiles, closed: true}
	return kept
}

func (d *dir) recount() {
	d.files, d.dirs, d.depth, d.cut = 0, 0, 0, false
	for _, n := range d.entries {
		d.count(n)
	}
}

func (d *dir) size() int { return d.files + d.dirs }

// rawEntry is one entry of a Git tree object: mode SP name NUL hash.
type rawEntry struct {
	mode string
	name string
	hash hash
}

// parseTree reads a Git tree object strictly: entries in Git's order, unique,
// with plain names. An object that is not so has no entries and a flaw that
// closes it: two programs may read it as two trees, so nobody reads it. An entry
// with a name that is refused is left out, and is the flaw.
func parseTree(data []byte) ([]rawEntry, *flaw) {
	var entries []rawEntry
	var found *flaw
	seen := map[string]bool{}
	last := ""
	for len(data) > 0 {
		header, rest, ok := bytes.Cut(data, []byte{0})
		if !ok || len(rest) < len(hash{}) {
			return nil, corrupt("", "tree object is cut short")
		}
		mode, name, ok := strings.Cut(string(header), " ")
		if !ok {
			return nil, corrupt("", "tree object has an entry without a mode")
		}
		e := rawEntry{mode: mode, name: name, hash: hash(rest[:len(hash{})])}
		data = rest[len(hash{}):]
		if seen[name] {
			return nil, corrupt(name, "name stands twice")
		}
		key := sortKey(e)
		if key <= last {
			return nil, corrupt(name, "entries are not sorted")
		}
		last, seen[name] = key, true
		if problem := nameProblem(name); problem != "" {
			if found == nil {
				found = &flaw{entry: printable.Name(name), problem: problem}
			}
			continue
		}
		entries = append(entries, e)
	}
	return entries, found
}

// kindOf is the kind of an entry by its mode, oddNode for one without a hash.
func kindOf(e rawEntry) nodeKind {
	switch {
	case e.hash == (hash{}):
		return oddNode
	case e.mode == "40000":
		return dirNode
	case e.mode == "100644", e.mode == "100755":
		return fileNode
	case e.mode == "120000", e.mode == "160000":
		return linkNode
	}
	return oddNode
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
