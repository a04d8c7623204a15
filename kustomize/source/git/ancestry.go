package git

import (
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// maxLines bounds the answers about ancestors that are kept.
const maxLines = 4096

// line is one question about ancestors. Its answer is a fact of the hashes: it is
// the same whatever the mirror learns later.
type line struct {
	newer, older string
	most         int
}

// Follows reports whether newHash is oldHash or has it among its ancestors.
// [source.ErrUnknownRevision] when the mirror lacks one of them, [tree.ErrTooLarge] when oldHash
// is not among the nearest of [Limits.History].
func (m *Mirror) Follows(newHash, oldHash string) (bool, error) {
	return m.FollowsWithin(newHash, oldHash, m.limits.History)
}

// FollowsWithin is Follows that reads at most so many commits, for what strangers
// may ask: an old commit costs a walk over all that came after it, and one of
// another line a walk over everything. The answer is kept.
func (m *Mirror) FollowsWithin(newHash, oldHash string, most int) (bool, error) {
	objects := m.store()
	for _, h := range []string{newHash, oldHash} {
		if !objects.contains(h) {
			return false, fmt.Errorf("%q: %w", h, source.ErrUnknownRevision)
		}
	}
	asked := line{newHash, oldHash, most}
	if kept, ok := m.lines.Get(asked); ok {
		return kept.(answer).of()
	}
	ok, err := objects.descends(newHash, oldHash, most)
	if err == nil || errors.Is(err, tree.ErrTooLarge) {
		m.lines.Add(asked, answer{ok, err})
	}
	return ok, err
}

// near is what is looked through first where either of two may be the older one: it
// is the whole of history where the wrong one is taken for it.
const near = 1000

// SameLine reports whether one of two commits is the other, or descends from it.
func (m *Mirror) SameLine(a, b string) bool {
	for _, most := range []int{min(near, m.limits.History), m.limits.History} {
		for _, pair := range [][2]string{{a, b}, {b, a}} {
			if ok, err := m.FollowsWithin(pair[0], pair[1], most); err == nil && ok {
				return true
			}
		}
	}
	return false
}

// answer is what [Mirror.FollowsWithin] said.
type answer struct {
	descends bool
	err      error
}

func (a answer) of() (bool, error) { return a.descends, a.err }
