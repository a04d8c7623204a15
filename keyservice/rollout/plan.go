package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// plan is what a head says of a placement's rollout, found once for all who ask: three
// thousand clusters that wait ask a map.
type plan struct {
	head      *heads.Head
	placement string
	rollout   *api.PlacementRollout
	waves     []model.Wave
	waveOf    map[string]int
	// releases are what each cluster gets; "" for what does not build.
	releases map[string]string
	// release names them together, whatever the number of clusters: the same again
	// after a revert.
	release string
	// made is when. What lacks a build is looked at again soon.
	made time.Time
	// whole: every cluster has its build; building: one is under way.
	whole, building bool

	mu sync.Mutex
	// front is good until a time.
	front front
	until time.Time
}

// plans are those of the placements that somebody asked for.
type plans struct {
	mu sync.Mutex
	of map[string]*plan
}

func (s *plans) get(ctx context.Context, at *heads.Head, placement string) (*plan, error) {
	s.mu.Lock()
	known := s.of[placement]
	s.mu.Unlock()
	if known != nil && known.head == at && (known.whole || time.Since(known.made) < atLeast) {
		return known, nil
	}
	fresh, err := newPlan(ctx, at, placement)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]*plan{}
	}
	s.of[placement] = fresh
	return fresh, nil
}

func newPlan(ctx context.Context, at *heads.Head, placement string) (*plan, error) {
	p := &plan{head: at, placement: placement, rollout: at.Model.Placements[placement].Spec.Rollout,
		waves: at.Model.Waves(placement), waveOf: map[string]int{}, releases: map[string]string{},
		made: time.Now(), whole: true}
	for i, wave := range p.waves {
		for _, name := range wave.Clusters {
			p.waveOf[name] = i
		}
	}
	groups := map[string]string{}
	for _, name := range at.Model.TargetsOf(placement) {
		group := at.Model.GroupOf(name)
		release, known := groups[group]
		if !known {
			x, err := at.Index(ctx, name)
			if err != nil {
				return nil, fmt.Errorf("build %q for cluster %q: %w", placement, name, err)
			}
			release = x.Releases[placement]
			groups[group] = release
			p.building = p.building || slices.Contains(x.Pending, placement)
		}
		p.releases[name], p.whole = release, p.whole && release != ""
	}
	p.release = releaseOf(p.releases)
	return p, nil
}

func releaseOf(releases map[string]string) string {
	different := slices.Compact(slices.Sorted(maps.Values(releases)))
	return hexid.Digest([]byte(strings.Join(different, "\n")))
}
