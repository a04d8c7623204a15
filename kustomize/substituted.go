package kustomize

import (
	"fmt"
	"sync"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize/blame"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/kustomize/internal/substitute"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// substituted keeps what came of the last cluster's values for each placement: a
// controller has one cluster, and a head that changes neither the build nor a value
// costs nothing.
type substituted struct {
	mu   sync.Mutex
	last map[string]substitution
}

type substitution struct {
	from   *Build
	values string
	build  *Build
	err    error
}

// on is a build with the values of one cluster in it. Builds are shared, so what
// changes is copied; its digest says what is applied there.
func (b *Builder) on(t *tree.Tree, p *api.Placement, build *Build, c *api.Cluster) (_ *Build, err error) {
	defer catch(p, &err)
	values := substitute.Of(p, c)
	if values == nil {
		return build, nil
	}
	// The cluster's name stands in errors.
	key := substitution{from: build, values: c.Metadata.Name + "\n" + values.Key()}
	b.substituted.mu.Lock()
	known, ok := b.substituted.last[p.Title()]
	b.substituted.mu.Unlock()
	if ok && known.from == key.from && known.values == key.values {
		return known.build, known.err
	}
	key.build, key.err = substitutedIn(t, p, build, values)
	b.substituted.mu.Lock()
	defer b.substituted.mu.Unlock()
	b.substituted.last[p.Title()] = key
	return key.build, key.err
}

func substitutedIn(t *tree.Tree, p *api.Placement, build *Build, values *substitute.Values) (*Build, error) {
	objects, changed, refused := values.Into(build.Objects)
	if len(refused) > 0 {
		return nil, refusedValues(t, p, build, refused)
	}
	if !changed {
		return build, nil
	}
	own := *build
	own.Objects, own.Shared = objects, build.Digest
	var err error
	if own.Digest, err = built.Digest(objects); err != nil {
		return nil, fmt.Errorf("take the digest of %s: %w", p.Title(), err)
	}
	return &own, nil
}

func refusedValues(t *tree.Tree, p *api.Placement, build *Build, refused []*built.Refused) *BuildError {
	const most = 10
	suspects := blame.Suspects{Tree: t, Files: build.Files}
	var first *BuildError
	for i, one := range refused[:min(len(refused), most)] {
		e := &BuildError{Placement: p.Metadata.Name, Variant: p.Variant, Problem: one.Error(), Err: errInput}
		e.File, e.Line = suspects.Fault(one)
		if i == most-1 && len(refused) > most {
			e.Problem += fmt.Sprintf("; and %d more", len(refused)-most)
		}
		if first == nil {
			first = e
		} else {
			e.Err = nil
			first.More = append(first.More, e)
		}
	}
	return first
}
