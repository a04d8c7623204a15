package kustomize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// keptTrees is how many trees a mirror keeps for sharing folders.
const keptTrees = 4

// Tree returns the validated tree of a commit.
func (m *Mirror) Tree(commitHash string) (*Tree, error) {
	m.mu.Lock()
	t, ok := m.trees[commitHash]
	objects := m.objects
	m.mu.Unlock()
	if ok {
		return t, nil
	}
	c, err := objects.commit(commitHash)
	if err != nil {
		return nil, fmt.Errorf("read commit: %w", err)
	}
	loader := newTreeLoader(objects, m.limits, m.knownDirs(objects))
	root, err := loader.load(c.tree, "", m.limits.Depth)
	if err != nil {
		return nil, fmt.Errorf("read tree of %s: %w", commitHash, err)
	}
	t = &Tree{
		hash:     commitHash,
		revision: m.ref.Short() + "@sha1:" + commitHash,
		root:     root,
		source:   &gitSource{objects: objects, limit: m.limits.Blob},
		parsed:   &m.parsed,
	}
	m.keep(t, objects)
	return t, nil
}

// knownDirs are the folders already read from a store.
func (m *Mirror) knownDirs(from *objects) map[hash]*dir {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := map[hash]*dir{}
	if m.objects != from || from.damaged() {
		return known
	}
	for _, t := range m.trees {
		t.root.collect(known)
	}
	return known
}

func (m *Mirror) keep(t *Tree, from *objects) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects != from || m.trees[t.hash] != nil {
		return
	}
	if len(m.order) == keptTrees {
		delete(m.trees, m.order[0])
		m.order = m.order[1:]
	}
	m.trees[t.hash] = t
	m.order = append(m.order, t.hash)
}

// collect maps the hashes of a tree's folders to what was read of them.
func (d *dir) collect(known map[hash]*dir) {
	for _, e := range d.entries {
		if e.kind != dirNode || known[e.hash] != nil {
			continue
		}
		if !e.dir.cut && !e.dir.isClosed() {
			known[e.hash] = e.dir
		}
		e.dir.collect(known)
	}
}

// treeLoader reads tree objects. A folder already known is not read again: its
// checks do not depend on where it stands, and its counts add up. One that is
// too deep for where it stands is known for that depth only.
type treeLoader struct {
	objects *objects
	limits  Limits
	known   map[hash]*dir
	placed  map[placedDir]*dir
	// left bounds the names that are read, whatever of them is kept.
	left int
}

// namesPerFile is how many names a tree may hold for each file that it may have:
// what is beyond the bound on files is read before it is left out.
const namesPerFile = 4

type placedDir struct {
	hash  hash
	depth int
}

func newTreeLoader(objects *objects, limits Limits, known map[hash]*dir) *treeLoader {
	return &treeLoader{objects: objects, limits: limits, known: known, placed: map[placedDir]*dir{}, left: namesPerFile * limits.Files}
}

// load reads a folder; depth is how many may be inside it. The error is about
// the store, or the context's: whatever the folder holds is for its readers.
func (l *treeLoader) load(h hash, path string, depth int) (*dir, error) {
	if d, ok := l.known[h]; ok && d.depth <= depth {
		return d, nil
	}
	if depth < 0 {
		d := closed("", tooDeep)
		d.cut = true
		return d, nil
	}
	place := placedDir{h, depth}
	if d, ok := l.placed[place]; ok {
		return d, nil
	}
	d, err := l.read(h, path, depth)
	if err != nil {
		return nil, err
	}
	if d.cut {
		l.placed[place] = d
	} else {
		l.known[h] = d
	}
	return d, nil
}

func (l *treeLoader) read(h hash, path string, depth int) (*dir, error) {
	data, err := l.objects.read(plumbing.TreeObject, h.String(), l.limits.Object)
	if errors.Is(err, ErrTooLarge) {
		return closed("", "folder has too long a list of names"), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read folder %q: %w", path, err)
	}
	raw, found := parseTree(data)
	if path == "" {
		// What grants is read first: names that nobody needs use up the bound on
		// names, and are not read then.
		slices.SortStableFunc(raw, func(a, b rawEntry) int { return grantsFirst(a.name) - grantsFirst(b.name) })
	} else if l.left -= len(raw); l.left < 0 {
		d := closed("", tooManyFiles)
		d.cut = true
		return d, nil
	}
	d := &dir{entries: make([]node, 0, min(len(raw), l.limits.Files+1)), flaw: found}
	if found != nil && found.closed {
		d.files = 1
	}
	for _, e := range raw {
		n, err := l.node(e, join(path, e.name), depth)
		if err != nil {
			return nil, err
		}
		d.add(n)
	}
	slices.SortFunc(d.entries, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return d.shrink(l.limits, path == ""), nil
}

func grantsFirst(name string) int {
	if isGranting(name) {
		return 0
	}
	return 1
}

func (l *treeLoader) node(e rawEntry, at string, depth int) (node, error) {
	n := node{name: e.name, kind: kindOf(e), hash: e.hash}
	var err error
	switch n.kind {
	case dirNode:
		n.dir, err = l.load(e.hash, at, depth-1)
	case fileNode:
		if !l.objects.has(e.hash) && !l.objects.lacks.lacks(e.hash, true) {
			l.objects.markDamaged()
			err = fmt.Errorf("file %q is missing: %w", at, ErrCorrupt)
		}
	}
	return n, err
}

// gitSource reads files from a mirror's objects.
type gitSource struct {
	objects *objects
	limit   int64
}

func (s *gitSource) read(_ string, n *node) ([]byte, error) {
	return s.objects.read(plumbing.BlobObject, n.hash.String(), s.limit)
}

func (s *gitSource) size(_ string, n *node) (int64, error) { return s.objects.size(n.hash) }

func (s *gitSource) blob(_ string, n *node) (hash, error) { return n.hash, nil }
