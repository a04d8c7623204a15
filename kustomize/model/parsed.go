package model

import (
	"maps"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// parseCache keeps what the last model parsed, by path and blob: a head that
// changed one file of three thousand parses one file.
type parseCache struct {
	mu   sync.Mutex
	last map[parseKey]parseResult
}

type parseKey struct {
	file string
	blob tree.Hash
}

type parseResult struct {
	object any
	err    error
}

// parsing is one model's use of the cache.
type parsing struct {
	known, used map[parseKey]parseResult
}

func (c *parseCache) begin() *parsing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &parsing{used: map[parseKey]parseResult{}, known: maps.Clone(c.last)}
}

func (c *parseCache) end(p *parsing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = p.used
}

// parse returns the object in a file, parsed as the kind that its folder is for.
func (p *parsing) parse(t *tree.Tree, file, kind string) (any, error) {
	n, err := t.Find(file)
	if err != nil || n == nil {
		return nil, err
	}
	blob, err := t.Blob(file, n)
	if err != nil {
		return nil, err
	}
	key := parseKey{file, blob}
	if r, ok := p.known[key]; ok {
		p.used[key] = r
		return r.object, r.err
	}
	data, err := t.ReadFile(file)
	if err != nil {
		return nil, err
	}
	object, err := parseKind(file, kind, data)
	p.used[key] = parseResult{object, err}
	return object, err
}

func parseKind(file, kind string, data []byte) (any, error) {
	switch kind {
	case api.KindCluster:
		return api.ParseCluster(file, data)
	case api.KindClusterSet:
		return api.ParseClusterSet(file, data)
	}
	return api.ParsePlacement(file, data)
}
