package tree

import "slices"

// Changes are the paths at which two trees differ, sorted: files, links and folders that
// only one has, that are something else, or of which not everything can be told. Two
// trees that are the same at and below a path, and have no change above it, answer every
// question about it alike.
func Changes(a, b *Tree) []string {
	var all []string
	compared := changes{a, b, func(path string) { all = append(all, path) }}
	compared.folder("", a.root, b.root)
	slices.Sort(all)
	return all
}

type changes struct {
	a, b *Tree
	note func(path string)
}

// folder does not go by the hashes of folders: what a flaw or a bound leaves out of one
// is not in its hash.
func (c changes) folder(at string, a, b *Dir) {
	if a == b {
		return
	}
	if a.flaw != nil || b.flaw != nil || a.cut != b.cut {
		c.note(at)
		return
	}
	for _, was := range a.entries {
		if is := b.find(was.Name); is != nil {
			c.entry(Join(at, was.Name), was, *is)
		} else {
			c.note(Join(at, was.Name))
		}
	}
	for _, is := range b.entries {
		if a.find(is.Name) == nil {
			c.note(Join(at, is.Name))
		}
	}
}

func (c changes) entry(at string, a, b Node) {
	switch {
	case a.Kind != b.Kind:
		c.note(at)
	case a.Kind == Folder:
		c.folder(at, a.Dir, b.Dir)
	case a.Kind == File:
		was, err := c.a.Blob(at, &a)
		is, err2 := c.b.Blob(at, &b)
		if err != nil || err2 != nil || was != is {
			c.note(at)
		}
	case a.Hash != b.Hash:
		c.note(at)
	}
}
