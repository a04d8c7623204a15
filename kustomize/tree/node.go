package tree

import (
	"encoding/hex"
	"slices"
	"strings"
)

// Kind is what an entry of a tree is.
type Kind uint8

// The kinds of entries.
const (
	File Kind = iota
	Folder
	// Link is a symbolic link or a gitlink: seen, so that a build that
	// touches it is refused by its path; never followed, never read.
	Link
	// Odd is an entry of a mode that Git does not write: it may not be
	// missing, since what is missing from placements/ is removed.
	Odd
)

// Hash is a Git object's SHA-1.
type Hash [20]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 40 lower-case hexadecimal digits.
func ParseHash(s string) (h Hash, ok bool) {
	if len(s) != 2*len(h) || strings.ToLower(s) != s {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

// Node is one entry of a tree. Folders are shared between trees by hash, so
// that a new head costs only the folders that changed.
type Node struct {
	Name string
	Kind Kind
	Hash Hash
	// Dir is set for folders.
	Dir *Dir
}

// Dir is what a folder holds. It is immutable once it stands in a [Tree].
type Dir struct {
	// entries are sorted by name, bytewise.
	entries []Node
	// files and dirs are counts at and below this folder, depth the folders
	// below it: bounds hold however a tree repeats itself.
	files, dirs, depth int
	// flaw is set when not everything in this very folder can be told.
	flaw *Flaw
	// cut: see IsCut.
	cut bool
}

// NewDir begins a folder that will have about so many entries. flaw is nil where
// everything in it can be told.
func NewDir(entries int, flaw *Flaw) *Dir {
	d := &Dir{entries: make([]Node, 0, entries), flaw: flaw}
	if d.IsClosed() {
		d.files = 1
	}
	return d
}

// Entries are what the folder holds, sorted by name, bytewise.
func (d *Dir) Entries() []Node { return d.entries }

// Depth is how many folders are inside each other below it.
func (d *Dir) Depth() int { return d.depth }

// IsCut says that something below was left out for where the folder stands: the
// same folder elsewhere may have it.
func (d *Dir) IsCut() bool { return d.cut }

func (d *Dir) find(name string) *Node {
	i, ok := slices.BinarySearchFunc(d.entries, name, func(n Node, name string) int {
		return strings.Compare(n.Name, name)
	})
	if !ok {
		return nil
	}
	return &d.entries[i]
}

// Add appends a finished entry and counts it.
func (d *Dir) Add(n Node) {
	d.entries = append(d.entries, n)
	d.count(n)
}

func (d *Dir) count(n Node) {
	if n.Kind != Folder {
		d.files++
		return
	}
	d.files += n.Dir.files
	d.dirs += n.Dir.dirs + 1
	d.depth = max(d.depth, n.Dir.depth+1)
	d.cut = d.cut || n.Dir.cut
}

// Join is the path of a name in a folder; the root is "".
func Join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}
