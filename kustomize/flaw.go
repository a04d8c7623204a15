package kustomize

import (
	"path"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// flaw says why a folder is not read as it stands. It belongs to the folder,
// which may stand in many places of a tree, so it knows no path.
//
// A flaw spoils its own folder: no build reads a file out of it or lists it, and
// the folders below it stay as they are. It never spoils a commit: anybody who
// may push could then keep everybody at the commit before, and so what that one
// grants. Where the folder holds placements it is a [Problem].
type flaw struct {
	// entry is the name at fault, as it may be printed; "" for the folder itself.
	entry   string
	problem string
	// closed says that nothing below the folder is known either. Corrupt tree
	// objects are: Git's own commands write none, and which of two entries of one
	// name counts would be a matter of taste.
	closed bool
}

func (f *flaw) at(folder string) *TreeError {
	where := folder
	if f.entry != "" {
		where = join(folder, f.entry)
	}
	return &TreeError{Path: where, Problem: f.problem}
}

func corrupt(name, problem string) *flaw {
	return &flaw{entry: printable.Name(name), problem: problem, closed: true}
}

// closed is a folder that nobody looks into. It counts as one file, so that a
// working tree does not take it for an empty one.
func closed(entry, problem string) *dir {
	return &dir{files: 1, flaw: &flaw{entry: entry, problem: problem, closed: true}}
}

func (d *dir) isClosed() bool { return d.flaw != nil && d.flaw.closed }

// Flaws are the entries for which a folder of the tree is not read, sorted by
// folder: who builds from such a folder gets that error.
func (t *Tree) Flaws() []*TreeError {
	var flaws []*TreeError
	visit := func(at string, n *node) {
		if n.kind == dirNode && n.dir.flaw != nil {
			flaws = append(flaws, n.dir.flaw.at(at))
		}
	}
	visit("", &node{kind: dirNode, dir: t.root})
	t.walk("", visit)
	return flaws
}

// forBuild is lookup for a build: it reads no file out of a folder with a flaw,
// whether or not the file is there.
func (t *Tree) forBuild(p string) (*node, error) {
	n, err := t.lookup(p)
	if err != nil || n != nil && n.kind == dirNode {
		return n, err
	}
	if parent, err := t.lookup(path.Dir(p)); err == nil && parent != nil && parent.kind == dirNode && parent.dir.flaw != nil {
		return nil, parent.dir.flaw.at(cleanDir(path.Dir(p)))
	}
	return n, nil
}

// forListing is forBuild for the names in a folder.
func (t *Tree) forListing(p string) (*node, error) {
	n, err := t.forBuild(p)
	if err == nil && n != nil && n.kind == dirNode && n.dir.flaw != nil {
		return nil, n.dir.flaw.at(cleanDir(p))
	}
	return n, err
}

// forGenerating looks for a flaw where a kustomization is generated: in a folder
// and those below it, but for bases, which are read by themselves.
func (t *Tree) forGenerating(p string) error {
	n, err := t.lookup(p)
	if err != nil || n == nil || n.kind != dirNode {
		return err
	}
	if flawed := n.dir.findFlaw(cleanDir(p)); flawed != nil {
		return flawed
	}
	return nil
}

func (d *dir) findFlaw(at string) *TreeError {
	if d.flaw != nil {
		return d.flaw.at(at)
	}
	for _, e := range d.entries {
		if e.kind != dirNode || isBase(e.dir) {
			continue
		}
		if flawed := e.dir.findFlaw(join(at, e.name)); flawed != nil {
			return flawed
		}
	}
	return nil
}

func cleanDir(p string) string {
	if p == "." {
		return ""
	}
	return p
}
