package kustomize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// commit is what the mirror needs of a commit object.
type commit struct {
	tree    hash
	parents []hash
}

// parseCommit reads a commit's header strictly: one tree line first, then
// parents, one author, one committer. Two tree lines are how two programs came
// to read two trees from one signed commit (CVE-2026-45022).
func parseCommit(data []byte) (*commit, error) {
	header, _, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		header = strings.TrimSuffix(string(data), "\n")
	}
	lines := strings.Split(header, "\n")
	c := &commit{}
	var err error
	if c.tree, lines, err = hashLine(lines, "tree "); err != nil {
		return nil, err
	}
	for len(lines) > 0 && strings.HasPrefix(lines[0], "parent ") {
		var parent hash
		if parent, lines, err = hashLine(lines, "parent "); err != nil {
			return nil, err
		}
		c.parents = append(c.parents, parent)
	}
	for _, want := range []string{"author ", "committer "} {
		if len(lines) == 0 || !strings.HasPrefix(lines[0], want) {
			return nil, errors.New("commit header is out of order")
		}
		lines = lines[1:]
	}
	for _, line := range lines {
		word, _, _ := strings.Cut(line, " ")
		switch word {
		case "tree", "parent", "author", "committer":
			return nil, fmt.Errorf("commit has a second %s line", word)
		}
	}
	return c, nil
}

func hashLine(lines []string, key string) (hash, []string, error) {
	if len(lines) == 0 {
		return hash{}, nil, errors.New("commit header is cut short")
	}
	value, ok := strings.CutPrefix(lines[0], key)
	h, valid := parseHash(value)
	if !ok || !valid {
		return hash{}, nil, fmt.Errorf("commit has no valid %sline", key)
	}
	return h, lines[1:], nil
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
	data, err := o.read(plumbing.CommitObject, name, o.limits.Blob)
	if err != nil {
		return nil, err
	}
	if c, err = parseCommit(data); err != nil {
		return nil, &TreeError{Problem: fmt.Sprintf("commit %s: %v", name, err)}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.commits) >= maxCommits {
		clear(o.commits)
	}
	o.commits[name] = c
	return c, nil
}

// descends walks the ancestors of newName, nearest first.
func (o *objects) descends(newName, oldName string) (bool, error) {
	queue, seen := []string{newName}, map[string]bool{newName: true}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if name == oldName {
			return true, nil
		}
		c, err := o.commit(name)
		if errors.Is(err, ErrUnknownRevision) {
			o.markDamaged()
			return false, fmt.Errorf("history lacks commit %s: %w", name, ErrCorrupt)
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
