// Package kept keeps builds, each with what it asked its tree and was answered: it
// holds for a tree that answers the same, and for no other.
package kept

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/asked"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// Key is a placement as far as its build depends on it.
type Key struct{ Placement, spec string }

// String tells one placement as it is built from all others.
func (k Key) String() string { return k.Placement + " " + k.spec }

// KeyOf hashes the spec: what a build may do is in it.
func KeyOf(p *api.Placement) (Key, error) {
	spec := p.Spec
	// Where it goes and how it is applied does not change what is built.
	spec.Targets, spec.DependsOn, spec.Windows, spec.Rollout = nil, nil, nil, nil
	// Which variant this is stands in what it changed, and values come after the build:
	// variants that differ in those alone share one.
	spec.Variants, spec.Substitute = nil, nil
	spec.Prune, spec.Wait, spec.Timeout, spec.Interval, spec.Suspend = nil, nil, nil, nil, false
	spec.RetryInterval, spec.HealthChecks, spec.HealthCheckExprs = nil, nil, nil
	data, err := json.Marshal(spec)
	if err != nil {
		return Key{}, fmt.Errorf("read placement %q: %w", p.Metadata.Name, err)
	}
	return Key{p.Metadata.Name, asked.Hash(data)}, nil
}

// Result is a build, or why there is none, with the questions that it asked.
type Result struct {
	Answers asked.Answers
	Build   *built.Build
	Err     error
	// Until is set for results that do not hold for ever.
	Until time.Time
	// Tries is how often such a result was found in a row, of the same answers.
	Tries int
	// Tree is the last one that gave these answers.
	Tree *tree.Tree
}

// keptResults of one placement: the current one, and the one before, for a
// revert and for two revisions in use at once.
const keptResults = 2

// Cache keeps results and finds one by asking its questions again.
type Cache struct {
	mu      sync.Mutex
	size    int
	results map[Key][]*Result
	order   []Key // oldest first
}

// NewCache returns one for the results of so many placements.
func NewCache(size int) *Cache {
	return &Cache{size: size, results: map[Key][]*Result{}}
}

// Get returns a result that holds for a tree.
func (c *Cache) Get(key Key, t *tree.Tree) (*Result, bool) {
	c.mu.Lock()
	results := slices.Clone(c.results[key])
	trees := make([]*tree.Tree, len(results))
	for i, r := range results {
		trees[i] = r.Tree
	}
	c.mu.Unlock()
	for i, r := range results {
		if !r.Until.IsZero() && time.Now().After(r.Until) {
			continue
		}
		if trees[i] == t {
			return r, true
		}
		if r.Answers.Hold(t) {
			c.mu.Lock()
			r.Tree = t
			c.mu.Unlock()
			return r, true
		}
	}
	return nil, false
}

// Tries is how often a build of the same input was given up in a row.
func (c *Cache) Tries(key Key, t *tree.Tree) int {
	c.mu.Lock()
	results := slices.Clone(c.results[key])
	c.mu.Unlock()
	for _, r := range results {
		if r.Answers.Hold(t) {
			return r.Tries
		}
	}
	return 0
}

// Put keeps a result.
func (c *Cache) Put(key Key, r *Result) {
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
	known = append([]*Result{r}, known...)
	c.results[key] = known[:min(len(known), keptResults)]
}
