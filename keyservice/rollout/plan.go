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
	looked          *look
}

// look is how far a release was found to be, which is good until a time.
type look struct {
	mu    sync.Mutex
	front front
	until time.Time
}

// plans are those of the placements that somebody asked for, at one head. A head is a
// whole tree: none is kept for a placement that nobody asks for any more.
type plans struct {
	mu   sync.Mutex
	head *heads.Head
	of   map[string]*planned
}

// planned is a plan that one makes while the others wait for it.
type planned struct {
	mu   sync.Mutex
	plan *plan
}

// at is the place of a placement's plan at a head.
func (s *plans) at(head *heads.Head, placement string) *planned {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head != head {
		s.head, s.of = head, map[string]*planned{}
	}
	if s.of[placement] == nil {
		s.of[placement] = &planned{}
	}
	return s.of[placement]
}

func (s *plans) get(ctx context.Context, at *heads.Head, placement string) (*plan, error) {
	of := s.at(at, placement)
	of.mu.Lock()
	defer of.mu.Unlock()
	was := of.plan
	if was != nil && (was.whole || time.Since(was.made) < atLeast) {
		return was, nil
	}
	fresh, err := newPlan(ctx, at, placement)
	if err != nil {
		return nil, err
	}
	if was != nil && was.release == fresh.release {
		fresh.looked = was.looked
	}
	of.plan = fresh
	return fresh, nil
}

func newPlan(ctx context.Context, at *heads.Head, placement string) (*plan, error) {
	p := &plan{placement: placement, rollout: at.Model.Placements[placement].Spec.Rollout,
		waves: at.Model.Waves(placement), waveOf: map[string]int{}, releases: map[string]string{},
		made: time.Now(), whole: true, looked: &look{}}
	for i, wave := range p.waves {
		for _, name := range wave.Clusters {
			p.waveOf[name] = i
		}
	}
	groups := map[string]string{}
	for _, name := range at.Model.TargetsOf(placement) {
		group := at.GroupOf(name)
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
