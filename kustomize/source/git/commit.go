package git

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/bulla-dev/bulla/kustomize/internal/commitsig"
	"github.com/bulla-dev/bulla/kustomize/source"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// commit is what the mirror needs of a commit object.
type commit struct {
	tree    tree.Hash
	parents []tree.Hash
}

// parseCommit reads a commit with the one reader that signatures are checked
// with: see [commitsig.Parse].
func parseCommit(data []byte) (*commit, error) {
	parsed, err := commitsig.Parse(data)
	if err != nil {
		return nil, err
	}
	c := &commit{}
	c.tree, _ = tree.ParseHash(parsed.Tree)
	for _, name := range parsed.Parents {
		parent, _ := tree.ParseHash(name)
		c.parents = append(c.parents, parent)
	}
	return c, nil
}

// maxCommits bounds the parsed commits that are kept.
const maxCommits = 100_000

// commit reads and parses a commit.
func (o *objects) commit(name string) (*commit, error) {
	o.mu.Lock()
	c, ok := o.commits[name]
	o.mu.Unlock()
	if ok {
		return c, nil
	}
	data, err := o.read(plumbing.CommitObject, name, o.limits.Object)
	if err != nil {
		return nil, err
	}
	if c, err = parseCommit(data); err != nil {
		return nil, &tree.Error{Problem: fmt.Sprintf("commit %s: %v", name, err)}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.commits) >= maxCommits {
		clear(o.commits)
	}
	o.commits[name] = c
	return c, nil
}

// descends walks the ancestors of newName, nearest first, and reads at most so
// many of them.
func (o *objects) descends(newName, oldName string, most int) (bool, error) {
	queue, seen := []string{newName}, map[string]bool{newName: true}
	for read := 0; len(queue) > 0; read++ {
		name := queue[0]
		queue = queue[1:]
		if name == oldName {
			return true, nil
		}
		if read == most {
			return false, fmt.Errorf("%s is not among the %d commits next to %s: %w", oldName, most, newName, tree.ErrTooLarge)
		}
		c, err := o.commit(name)
		if errors.Is(err, source.ErrUnknownRevision) {
			o.markDamaged()
			return false, fmt.Errorf("history lacks commit %s: %w", name, tree.ErrCorrupt)
		}
		if err != nil {
			return false, err
		}
		for _, parent := range c.parents {
			if p := parent.String(); !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return false, nil
}
