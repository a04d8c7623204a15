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
	loader := &treeLoader{objects: objects, limits: m.limits, known: m.knownDirs(objects)}
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
		known[e.hash] = e.dir
		e.dir.collect(known)
	}
}

// treeLoader reads tree objects. A folder already known is not read again: its
// checks do not depend on where it stands, and its counts add up.
type treeLoader struct {
	objects *objects
	limits  Limits
	known   map[hash]*dir
}

func (l *treeLoader) load(h hash, path string, depth int) (*dir, error) {
	if d, ok := l.known[h]; ok {
		return d, nil
	}
	if depth < 0 {
		return nil, &TreeError{Path: path, Problem: "too many folders inside each other"}
	}
	data, err := l.read(h)
	if err != nil {
		return nil, err
	}
	raw, err := parseTree(path, data)
	if err != nil {
		return nil, err
	}
	d := &dir{entries: make([]node, 0, len(raw))}
	for _, e := range raw {
		n, at := node{name: e.name, hash: e.hash}, join(path, e.name)
		switch e.mode {
		case "40000":
			n.kind = dirNode
			if n.dir, err = l.load(e.hash, at, depth-1); err != nil {
				return nil, err
			}
		case "120000", "160000":
			n.kind = linkNode
		default:
			if !l.objects.has(e.hash) {
				l.objects.markDamaged()
				return nil, fmt.Errorf("file %q is missing: %w", at, ErrCorrupt)
			}
		}
		if err := d.add(n, at, l.limits); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.entries, func(a, b node) int { return strings.Compare(a.name, b.name) })
	l.known[h] = d
	return d, nil
}

func (l *treeLoader) read(h hash) ([]byte, error) {
	data, err := l.objects.read(plumbing.TreeObject, h.String(), l.limits.Object)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, fmt.Errorf("tree %s is missing: %w", h, ErrCorrupt)
	}
	return data, err
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
