package git

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

// History lists the first-parent chain from head, which comes first, to
// last, included, or to the first commit when last is not on it. A chain longer
// than 100,000 commits is [tree.ErrTooLarge]; [source.ErrUnknownRevision] when the mirror
// lacks a commit.
func (m *Mirror) History(ctx context.Context, head, last string) ([]string, error) {
	objects := m.store()
	var names []string
	for name := head; ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(names) == maxCommits {
			return nil, fmt.Errorf("list history: more than %d commits: %w", maxCommits, tree.ErrTooLarge)
		}
		c, err := objects.commit(name)
		if err != nil {
			return nil, fmt.Errorf("list history: %w", err)
		}
		names = append(names, name)
		if name == last || len(c.parents) == 0 {
			return names, nil
		}
		name = c.parents[0].String()
	}
}
