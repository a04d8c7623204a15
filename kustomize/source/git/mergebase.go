package git

import (
	"errors"
	"fmt"
	"slices"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/bulla-dev/bulla/kustomize/source"
)

// ErrUnrelated says that two commits have no history in common.
var ErrUnrelated = errors.New("the two have no history in common")

// MergeBase is the newest commit that two both come after; the first by its hash, where
// there are several. [ErrUnrelated] for none, and [source.ErrUnknownRevision] where the
// clone lacks what lies between them, as a shallow one does.
func (c *Clone) MergeBase(a, b string) (string, error) {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	one, err := c.repo.CommitObject(plumbing.NewHash(a))
	if err != nil {
		return "", fmt.Errorf("%q: %w", a, source.ErrUnknownRevision)
	}
	other, err := c.repo.CommitObject(plumbing.NewHash(b))
	if err != nil {
		return "", fmt.Errorf("%q: %w", b, source.ErrUnknownRevision)
	}
	bases, err := one.MergeBase(other)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return "", fmt.Errorf("the history between %s and %s is not here: %w", a, b, source.ErrUnknownRevision)
	}
	if err != nil {
		return "", fmt.Errorf("find what %s and %s have in common: %w", a, b, err)
	}
	if len(bases) == 0 {
		return "", fmt.Errorf("%s and %s: %w", a, b, ErrUnrelated)
	}
	hashes := make([]string, 0, len(bases))
	for _, base := range bases {
		hashes = append(hashes, base.Hash.String())
	}
	return slices.Min(hashes), nil
}

// defaultBranches are where a repository's main branch is found: as its remote says, by the
// two names that it may have there, and by those here.
var defaultBranches = []string{"refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master",
	"refs/heads/main", "refs/heads/master"}

// DefaultBranch is the branch that others are merged into, as a reference, and its commit;
// "" where none is here.
func (c *Clone) DefaultBranch() (ref, commit string) {
	for _, ref := range defaultBranches {
		if commit, err := c.Resolve(ref); err == nil {
			return ref, commit
		}
	}
	return "", ""
}

// Bare reports whether the clone has no working tree.
func (c *Clone) Bare() bool {
	_, err := c.repo.Worktree()
	return errors.Is(err, gogit.ErrIsBareRepository)
}

// Shallow reports whether the clone was told to leave history out: what it does not
// have may be there all the same.
func (c *Clone) Shallow() bool {
	c.objects.mu.Lock()
	defer c.objects.mu.Unlock()
	ends, err := c.repo.Storer.Shallow()
	return err != nil || len(ends) > 0
}

// Head is the branch that is checked out, whether it has a commit yet or not; "" for
// none.
func (c *Clone) Head() string {
	c.objects.mu.Lock()
	defer c.objects.mu.Unlock()
	head, err := c.repo.Reference(plumbing.HEAD, false)
	if err != nil || head.Type() != plumbing.SymbolicReference {
		return ""
	}
	return head.Target().Short()
}
