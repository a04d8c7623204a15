package audit

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// keptHashes is how many hashes a Tree keeps before it drops those that a longer
// tree does not need.
const keptHashes = 4096

// Tree computes the root over leaves that are given one after another. It keeps
// a few thousand hashes, however many leaves there are. The zero value is empty.
type Tree struct {
	size   int64
	hashes map[int64]tlog.Hash // by index in tlog's order of storage
}

// Add makes a leaf, by its hash, the next one.
func (t *Tree) Add(leaf tlog.Hash) {
	if t.hashes == nil {
		t.hashes = map[int64]tlog.Hash{}
	}
	completed, err := tlog.StoredHashesForRecordHash(t.size, leaf, t)
	if err != nil {
		panic("audit: a hash that the tree needs was dropped: " + err.Error())
	}
	first := tlog.StoredHashIndex(0, t.size)
	for i, hash := range completed {
		t.hashes[first+int64(i)] = hash
	}
	t.size++
	if len(t.hashes) > keptHashes {
		t.prune()
	}
}

// Size is how many leaves there are.
func (t *Tree) Size() int64 { return t.size }

// Root is the root over them.
func (t *Tree) Root() tlog.Hash {
	root, err := tlog.TreeHash(t.size, t)
	if err != nil {
		panic("audit: a hash that the tree needs was dropped: " + err.Error())
	}
	return root
}

// ReadHashes implements [tlog.HashReader].
func (t *Tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		var ok bool
		if found[i], ok = t.hashes[index]; !ok {
			return nil, fmt.Errorf("hash %d is not at hand", index)
		}
	}
	return found, nil
}

// prune keeps the roots of the greatest complete subtrees: those that the root
// is made of are all that a longer tree reads.
func (t *Tree) prune() {
	kept := map[int64]tlog.Hash{}
	_, err := tlog.TreeHash(t.size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found, err := t.ReadHashes(indexes)
		if err == nil {
			for i, index := range indexes {
				kept[index] = found[i]
			}
		}
		return found, err
	}))
	if err != nil {
		panic("audit: a hash that the tree needs was dropped: " + err.Error())
	}
	t.hashes = kept
}
