package git

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bulla-dev/bulla/kustomize/tree"
	"github.com/go-git/go-git/v5/plumbing"
)

// keptTrees is how many trees a mirror keeps for sharing folders.
const keptTrees = 4

// Tree returns the validated tree of a commit.
func (m *Mirror) Tree(commitHash string) (*tree.Tree, error) {
	m.mu.Lock()
	t, ok := m.recent.trees[commitHash]
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
	t = tree.New(commitHash, m.ref.Short()+"@sha1:"+commitHash, root, &gitSource{objects: objects, limit: m.limits.Blob})
	m.keep(t, objects)
	return t, nil
}

// knownDirs are the folders already read from a store.
func (m *Mirror) knownDirs(from *objects) map[tree.Hash]*tree.Dir {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := map[tree.Hash]*tree.Dir{}
	if m.objects != from || from.damaged() {
		return known
	}
	for _, t := range m.recent.trees {
		collect(t.Root(), known)
	}
	return known
}

func (m *Mirror) keep(t *tree.Tree, from *objects) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == from {
		m.recent.add(t)
	}
}

// collect maps the hashes of a tree's folders to what was read of them.
func collect(d *tree.Dir, known map[tree.Hash]*tree.Dir) {
	for _, e := range d.Entries() {
		if e.Kind != tree.Folder || known[e.Hash] != nil {
			continue
		}
		if !e.Dir.IsCut() && !e.Dir.IsClosed() {
			known[e.Hash] = e.Dir
		}
		collect(e.Dir, known)
	}
}

// treeLoader reads tree objects. A folder already known is not read again: its
// checks do not depend on where it stands, and its counts add up. One that is
// too deep for where it stands is known for that depth only.
type treeLoader struct {
	objects *objects
	limits  Limits
	known   map[tree.Hash]*tree.Dir
	placed  map[placedDir]*tree.Dir
	// left bounds the names that are read, whatever of them is kept.
	left int
}

// namesPerFile is how many names a tree may hold for each file that it may have:
// what is beyond the bound on files is read before it is left out.
const namesPerFile = 4

type placedDir struct {
	hash  tree.Hash
	depth int
}

func newTreeLoader(objects *objects, limits Limits, known map[tree.Hash]*tree.Dir) *treeLoader {
	return &treeLoader{objects: objects, limits: limits, known: known, placed: map[placedDir]*tree.Dir{},
		left: namesPerFile * limits.Files}
}

// load reads a folder; depth is how many may be inside it. The error is about
// the store, or the context's: whatever the folder holds is for its readers.
func (l *treeLoader) load(h tree.Hash, path string, depth int) (*tree.Dir, error) {
	if d, ok := l.known[h]; ok && d.Depth() <= depth {
		return d, nil
	}
	if depth < 0 {
		return tree.CutOff(tree.TooDeep), nil
	}
	place := placedDir{h, depth}
	if d, ok := l.placed[place]; ok {
		return d, nil
	}
	d, err := l.read(h, path, depth)
	if err != nil {
		return nil, err
	}
	if d.IsCut() {
		l.placed[place] = d
	} else {
		l.known[h] = d
	}
	return d, nil
}

func (l *treeLoader) read(h tree.Hash, path string, depth int) (*tree.Dir, error) {
	data, err := l.objects.read(plumbing.TreeObject, h.String(), l.limits.Object)
	if errors.Is(err, tree.ErrTooLarge) {
		return tree.Closed("folder has too long a list of names"), nil
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
		return tree.CutOff(tree.TooManyFiles), nil
	}
	d := tree.NewDir(min(len(raw), l.limits.Files+1), found)
	for _, e := range raw {
		n, err := l.node(e, tree.Join(path, e.name), depth)
		if err != nil {
			return nil, err
		}
		d.Add(n)
	}
	return d.Finish(l.limits.ofTrees(), path == ""), nil
}

func grantsFirst(name string) int {
	if tree.IsGranting(name) {
		return 0
	}
	return 1
}

func (l *treeLoader) node(e rawEntry, at string, depth int) (tree.Node, error) {
	n := tree.Node{Name: e.name, Kind: kindOf(e), Hash: e.hash}
	var err error
	switch n.Kind {
	case tree.Folder:
		n.Dir, err = l.load(e.hash, at, depth-1)
	case tree.File:
		if !l.objects.has(e.hash) && !l.objects.lacks.lacks(e.hash, true) {
			l.objects.markDamaged()
			err = fmt.Errorf("file %q is missing: %w", at, tree.ErrCorrupt)
		}
	}
	return n, err
}

// gitSource reads files from a mirror's objects.
type gitSource struct {
	objects *objects
	limit   int64
}

func (s *gitSource) Read(_ string, n *tree.Node) ([]byte, error) {
	return s.objects.read(plumbing.BlobObject, n.Hash.String(), s.limit)
}

func (s *gitSource) Size(_ string, n *tree.Node) (int64, error) { return s.objects.size(n.Hash) }

func (s *gitSource) Blob(_ string, n *tree.Node) (tree.Hash, error) { return n.Hash, nil }
