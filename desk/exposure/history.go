package exposure

import (
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

// maxDescription is how much of a commit's texts is shown, in characters.
const maxDescription = 100

// Clone is the history of the Git repository around a folder. Without one, or
// with a shallow one, it knows less, and says nothing of the rest.
type Clone struct {
	clone *git.Clone // nil outside of one
	// heads have the stubs of each head that was asked for, by digest. Heads share
	// most of their files, and each is parsed once.
	heads map[string]map[string]Stub
	files model.StubReader
}

// OpenClone opens it.
func OpenClone(folder string) *Clone {
	c := &Clone{heads: map[string]map[string]Stub{}}
	if clone, err := git.OpenClone(folder, git.Limits{}); err == nil {
		c.clone = clone
	}
	return c
}

var _ History = (*Clone)(nil)

// Descends says that a commit is another one or comes after it, as far as the
// clone knows both.
func (c *Clone) Descends(hash, from string) bool {
	return hash == from || c.has(hash) && c.clone.Descends(hash, from)
}

func (c *Clone) has(hash string) bool { return c.clone != nil && hexid.IsSHA1Commit(hash) }

// Describe implements [History].
func (c *Clone) Describe(hash string) string {
	if !c.has(hash) {
		return ""
	}
	author, subject := c.clone.Describe(hash)
	if author == "" && subject == "" {
		return ""
	}
	text := []rune(author + ": " + subject)
	return string(text[:min(len(text), maxDescription)])
}

// Find implements [History]. It is the stub of a digest in the tree of a commit, with its path. It goes through the
// stubs of a head as everybody does: a file that counts as a stub in a build was one when
// it was read.
func (c *Clone) Find(hash, digest string) (stub Stub, ok bool) {
	if !c.has(hash) {
		return stub, false
	}
	stubs, known := c.heads[hash]
	if !known {
		stubs = map[string]Stub{}
		c.heads[hash] = stubs
		if tree, err := c.clone.Tree(hash); err == nil {
			found, _ := c.files.Read(tree) // what cannot be read is not the one
			for _, file := range found {
				stubs[file.Digest] = Stub{Stub: file.Stub}
			}
		}
	}
	stub, ok = stubs[digest]
	return stub, ok
}
