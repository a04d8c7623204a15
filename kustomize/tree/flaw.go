package tree

import (
	"fmt"
	"path"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Flaw says why a folder is not read as it stands. It belongs to the folder,
// which may stand in many places of a tree, so it knows no path.
//
// A flaw spoils its own folder: no build reads a file out of it or lists it, and
// the folders below it stay as they are. It never spoils a commit: anybody who
// may push could then keep everybody at the commit before, and so what that one
// grants. Where the folder holds placements it is a problem of the model.
type Flaw struct {
	// entry is the name at fault, as it may be printed; "" for the folder itself.
	entry   string
	problem string
	// closed says that nothing below the folder is known either. Corrupt tree
	// objects are: Git's own commands write none, and which of two entries of one
	// name counts would be a matter of taste.
	closed bool
	// more are further names at fault, as far as they are kept; left counts the rest.
	more []*Flaw
	left int
}

// At is the flaw of a folder at a path, as an error.
func (f *Flaw) At(folder string) *Error {
	where := folder
	if f.entry != "" {
		where = Join(folder, f.entry)
	}
	e := &Error{Path: where, Problem: f.problem}
	for _, other := range f.more {
		e.More = append(e.More, other.At(folder))
	}
	if f.left > 0 {
		e.More[len(e.More)-1].Problem += fmt.Sprintf("; and %d more names in this folder", f.left)
	}
	return e
}

// IsWhole says that nothing of the folder is known.
func (f *Flaw) IsWhole() bool { return f != nil && f.closed }

// Corrupt is the flaw of a folder that two programs may read as two. name may be "".
func Corrupt(name, problem string) *Flaw {
	return &Flaw{entry: printable.Name(name), problem: problem, closed: true}
}

// mostNames bounds how many names at fault are kept of one folder.
const mostNames = 20

// Refuse is the flaw of a folder in which a name is refused, and left out, beside
// those that f has; f is nil for the first.
func (f *Flaw) Refuse(name, problem string) *Flaw {
	another := &Flaw{entry: printable.Name(name), problem: problem}
	switch {
	case f == nil:
		return another
	case len(f.more) < mostNames-1:
		f.more = append(f.more, another)
	default:
		f.left++
	}
	return f
}

// Closed is a folder that nobody looks into. It counts as one file, so that a
// working tree does not take it for an empty one.
func Closed(problem string) *Dir {
	return &Dir{files: 1, flaw: &Flaw{problem: problem, closed: true}}
}

// CutOff is a folder that is closed for where it stands: see [Dir.IsCut].
func CutOff(problem string) *Dir {
	d := Closed(problem)
	d.cut = true
	return d
}

// IsClosed says that nothing in the folder is known.
func (d *Dir) IsClosed() bool { return d.flaw != nil && d.flaw.closed }

// Flaw is why not everything in this very folder can be told, for the folder at a
// path; nil when everything can.
func (d *Dir) Flaw(at string) *Error {
	if d.flaw == nil {
		return nil
	}
	return d.flaw.At(at)
}

// Flaws are the entries for which a folder of the tree is not read, sorted by
// folder: who builds from such a folder gets that error.
func (t *Tree) Flaws() []*Error {
	var flaws []*Error
	visit := func(at string, n *Node) {
		if n.Kind == Folder && n.Dir.flaw != nil {
			flaws = append(flaws, n.Dir.Flaw(at).All()...)
		}
	}
	visit("", &Node{Kind: Folder, Dir: t.root})
	t.Walk("", visit)
	return flaws
}

// ForBuild is Find for a build: it reads no file out of a folder with a flaw,
// whether or not the file is there.
func (t *Tree) ForBuild(p string) (*Node, error) {
	n, err := t.Find(p)
	if err != nil || n != nil && n.Kind == Folder {
		return n, err
	}
	if parent, err := t.Find(path.Dir(p)); err == nil && parent != nil && parent.Kind == Folder && parent.Dir.flaw != nil {
		return nil, parent.Dir.flaw.At(cleanDir(path.Dir(p)))
	}
	return n, nil
}

// ForListing is ForBuild for the names in a folder.
func (t *Tree) ForListing(p string) (*Node, error) {
	n, err := t.ForBuild(p)
	if err == nil && n != nil && n.Kind == Folder && n.Dir.flaw != nil {
		return nil, n.Dir.flaw.At(cleanDir(p))
	}
	return n, err
}

// cleanDir is the path of a folder as flaws have it: the root is "".
func cleanDir(p string) string {
	if p == "." {
		return ""
	}
	return p
}
