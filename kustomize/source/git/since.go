package git

import (
	"context"
	"fmt"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Since lists the commits up to head, included, that older is an ancestor of, by whichever
// parent, the nearest to older first: a pull merges the branch into somebody's own commit,
// and then what the branch did is not on the chain of first parents. More than most, or
// more than [Limits.History] to look through, are [tree.ErrTooLarge];
// [source.ErrUnknownRevision] when the mirror lacks a commit.
func (m *Mirror) Since(ctx context.Context, head, older string, most int) ([]string, error) {
	objects := m.store()
	newer, before := walkFrom(objects, head), walkFrom(objects, older)
	for len(newer.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list history: %w", err)
		}
		if len(newer.seen) > m.limits.History {
			return nil, fmt.Errorf("list history since %s: more than %d commits to look through: %w", older,
				m.limits.History, tree.ErrTooLarge)
		}
		// Where a merged branch began before older, both walk the same history: the second
		// is faster, and ends the first where it overtakes it.
		for range 2 {
			if err := before.step(nil); err != nil {
				return nil, fmt.Errorf("list history: %w", err)
			}
		}
		if err := newer.step(before.seen); err != nil {
			return nil, fmt.Errorf("list history: %w", err)
		}
	}
	var since []string
	for queue, seen := []string{older}, map[string]bool{}; len(queue) > 0; queue = queue[1:] {
		for _, child := range newer.children[queue[0]] {
			if seen[child] {
				continue
			}
			if seen[child] = true; len(since) == most {
				return nil, fmt.Errorf("list history: more than %d commits since %s: %w", most, older, tree.ErrTooLarge)
			}
			since, queue = append(since, child), append(queue, child)
		}
	}
	return since, nil
}

// ancestors are walked from a commit on, the nearest first.
type ancestors struct {
	objects  *objects
	queue    []string
	seen     map[string]bool
	children map[string][]string
}

func walkFrom(o *objects, from string) *ancestors {
	return &ancestors{objects: o, queue: []string{from}, seen: map[string]bool{from: true},
		children: map[string][]string{}}
}

// step reads one commit, unless it is among those to leave out.
func (w *ancestors) step(but map[string]bool) error {
	if len(w.queue) == 0 {
		return nil
	}
	name := w.queue[0]
	w.queue = w.queue[1:]
	if but[name] {
		return nil
	}
	c, err := w.objects.commit(name)
	if err != nil {
		return err
	}
	for _, parent := range c.parents {
		p := parent.String()
		if w.children[p] = append(w.children[p], name); !w.seen[p] {
			w.seen[p] = true
			w.queue = append(w.queue, p)
		}
	}
	return nil
}
