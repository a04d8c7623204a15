package git

import (
	"errors"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-git/v5/plumbing"
)

// treeDiff compares paths of two trees by their hashes: a folder with one hash
// is the same folder, so a change costs the folders above it and no others.
type treeDiff struct {
	objects *objects
	limit   int64
	// read keeps trees of the last commits; the next one shares most of them.
	read map[tree.Hash][]rawEntry
	// reads counts the tree objects that were read.
	reads int
}

const keptRawTrees = 512

// touches says whether from and to differ at a path or below it, in content,
// mode or kind, and names a file that does. The zero hash is an empty tree. A
// tree that is not well-formed may hold anything, so it counts as changed.
func (d *treeDiff) touches(from, to tree.Hash, path string) (file string, touched bool, err error) {
	if from == to {
		return "", false, nil
	}
	a, err := d.at(from, path)
	if err == nil {
		var b rawEntry
		if b, err = d.at(to, path); err == nil {
			if isSame(a, b) {
				return "", false, nil
			}
			return d.first(a, b, path), true, nil
		}
	}
	var refused *tree.Error
	if errors.As(err, &refused) || errors.Is(err, tree.ErrTooLarge) {
		return path, true, nil
	}
	return "", false, err
}

// isSame leaves the name out: it is the path's own.
func isSame(a, b rawEntry) bool { return a.mode == b.mode && a.hash == b.hash }

// at returns the entry at a path; the zero entry if there is none. Links are
// entries like files: nothing follows them.
func (d *treeDiff) at(root tree.Hash, path string) (rawEntry, error) {
	entry := rawEntry{mode: "40000", hash: root}
	for name := range strings.SplitSeq(path, "/") {
		if entry.mode != "40000" || entry.hash == (tree.Hash{}) {
			return rawEntry{}, nil
		}
		entries, err := d.entries(entry.hash)
		if err != nil {
			return rawEntry{}, err
		}
		i := slices.IndexFunc(entries, func(e rawEntry) bool { return e.name == name })
		if i < 0 {
			return rawEntry{}, nil
		}
		entry = entries[i]
	}
	return entry, nil
}

// first names a file at or below path in which two entries differ: for people,
// so what cannot be read ends the search.
func (d *treeDiff) first(a, b rawEntry, path string) string {
	if a.mode != "40000" && b.mode != "40000" {
		return path
	}
	var sides [2]map[string]rawEntry
	var names []string
	for i, side := range []rawEntry{a, b} {
		sides[i] = map[string]rawEntry{}
		if side.mode != "40000" {
			continue
		}
		entries, err := d.entries(side.hash)
		if err != nil {
			return path
		}
		for _, e := range entries {
			sides[i][e.name] = e
			names = append(names, e.name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if x, y := sides[0][name], sides[1][name]; !isSame(x, y) {
			return d.first(x, y, tree.Join(path, name))
		}
	}
	return path
}

func (d *treeDiff) entries(h tree.Hash) ([]rawEntry, error) {
	if entries, ok := d.read[h]; ok {
		return entries, nil
	}
	d.reads++
	data, err := d.objects.read(plumbing.TreeObject, h.String(), d.limit)
	if err != nil {
		return nil, err
	}
	// A name that is refused is a name beside the path that is asked for: only an
	// object that two programs may read as two trees is one of unknown content.
	entries, found := parseTree(data)
	if found.IsWhole() {
		return nil, found.At("")
	}
	if len(d.read) >= keptRawTrees {
		clear(d.read)
	}
	d.read[h] = entries
	return entries, nil
}
