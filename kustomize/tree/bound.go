package tree

import (
	"slices"
	"strings"
)

// exceeds says which bound of a tree the folder passes, "" for none.
func (d *Dir) exceeds(limits Limits) string {
	switch {
	case d.files > limits.Files || d.dirs > limits.Files:
		return TooManyFiles
	case d.depth > limits.Depth:
		return TooDeep
	}
	return ""
}

const (
	// TooManyFiles is the problem of a folder that is not read for its files.
	TooManyFiles = "too many files"
	// TooDeep is that of one with too many folders above it.
	TooDeep = "too many folders inside each other"
)

// Finish sorts the entries of a folder, and holds it to the bounds: nothing is added
// after it.
func (d *Dir) Finish(limits Limits, isRoot bool) *Dir {
	slices.SortFunc(d.entries, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return d.shrink(limits, isRoot)
}

// shrink closes the largest folders below until the bound on files holds: who
// adds a million files to docs/ loses docs/, and nobody else anything. The
// outcome depends on the entries alone. A folder with too many files of its own
// is closed itself. At the root, what grants stays: whoever may push could
// otherwise end the fleet by files that nobody reads.
//
// It is asked once for a folder: asked for each entry, two hundred thousand small
// folders would take minutes.
func (d *Dir) shrink(limits Limits, isRoot bool) *Dir {
	if d.exceeds(limits) != TooManyFiles {
		return d
	}
	grants := func(n Node) bool { return isRoot && IsGranting(n.Name) }
	var below []int // what can be closed, the largest first
	for i, n := range d.entries {
		if n.Kind == Folder && n.Dir.Size() > 1 && !grants(n) {
			below = append(below, i)
		}
	}
	slices.SortStableFunc(below, func(a, b int) int { return d.entries[b].Dir.Size() - d.entries[a].Dir.Size() })
	for _, i := range below {
		d.files, d.dirs = d.files-d.entries[i].Dir.files+1, d.dirs-d.entries[i].Dir.dirs
		d.entries[i].Dir = Closed(TooManyFiles)
		if d.files <= limits.Files && d.dirs <= limits.Files {
			break
		}
	}
	d.recount()
	if d.exceeds(limits) == TooManyFiles {
		return d.onlyGranting(limits, grants)
	}
	return d
}

// onlyGranting closes a folder but for what grants in it.
func (d *Dir) onlyGranting(limits Limits, grants func(Node) bool) *Dir {
	kept := &Dir{entries: slices.DeleteFunc(d.entries, func(n Node) bool { return !grants(n) })}
	kept.recount()
	if len(kept.entries) == 0 || kept.exceeds(limits) != "" {
		return Closed(TooManyFiles)
	}
	kept.flaw = &Flaw{problem: TooManyFiles, closed: true}
	return kept
}

func (d *Dir) recount() {
	d.files, d.dirs, d.depth, d.cut = 0, 0, 0, false
	for _, n := range d.entries {
		d.count(n)
	}
}

// Size is how many files and folders are below the folder.
func (d *Dir) Size() int { return d.files + d.dirs }
