package kustomize

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// buildKey is a placement as far as its build depends on it.
type buildKey struct{ placement, spec string }

// keyOf hashes the spec: what a build may do is in it.
func keyOf(p *api.Placement) (buildKey, error) {
	spec := p.Spec
	// Where it goes and how it is applied does not change what is built.
	spec.Targets, spec.DependsOn = nil, nil
	spec.Prune, spec.Wait, spec.Timeout, spec.Interval, spec.Suspend = nil, nil, nil, nil, false
	data, err := json.Marshal(spec)
	if err != nil {
		return buildKey{}, fmt.Errorf("read placement %q: %w", p.Metadata.Name, err)
	}
	return buildKey{p.Metadata.Name, hashText(data)}, nil
}

// buildResult is a build, or why there is none, with the questions that it
// asked.
type buildResult struct {
	answers map[question]string
	build   *Build
	err     error
	// until is set for results that do not hold for ever.
	until time.Time
	// tries is how often such a result was found in a row, of the same answers.
	tries int
	// tree is the last one that gave these answers.
	tree *tree.Tree
}

// keptResults of one placement: the current one, and the one before, for a
// revert and for two revisions in use at once.
const keptResults = 2

// buildCache keeps results and finds one by asking its questions again.
type buildCache struct {
	mu      sync.Mutex
	size    int
	results map[buildKey][]*buildResult
	order   []buildKey // oldest first
}

func newBuildCache(size int) *buildCache {
	return &buildCache{size: size, results: map[buildKey][]*buildResult{}}
}

func (c *buildCache) get(key buildKey, t *tree.Tree) (*buildResult, bool) {
	c.mu.Lock()
	results := slices.Clone(c.results[key])
	trees := make([]*tree.Tree, len(results))
	for i, r := range results {
		trees[i] = r.tree
	}
	c.mu.Unlock()
	for i, r := range results {
		if !r.until.IsZero() && time.Now().After(r.until) {
			continue
		}
		if trees[i] == t {
			return r, true
		}
		if r.holds(t) {
			c.mu.Lock()
			r.tree = t
			c.mu.Unlock()
			return r, true
		}
	}
	return nil, false
}

// tries is how often a build of the same input was given up in a row.
func (c *buildCache) tries(key buildKey, t *tree.Tree) int {
	c.mu.Lock()
	results := slices.Clone(c.results[key])
	c.mu.Unlock()
	for _, r := range results {
		if r.holds(t) {
			return r.tries
		}
	}
	return 0
}

// holds reports whether a tree answers every question as before.
func (r *buildResult) holds(t *tree.Tree) bool {
	for q, answer := range r.answers {
		if ask(t, q) != answer {
			return false
		}
	}
	return true
}

func (c *buildCache) put(key buildKey, r *buildResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.results[key]
	if known == nil {
		if len(c.order) >= c.size {
			delete(c.results, c.order[0])
			c.order = c.order[1:]
		}
		c.order = append(c.order, key)
	}
	known = append([]*buildResult{r}, known...)
	c.results[key] = known[:min(len(known), keptResults)]
}
