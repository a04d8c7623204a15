package delivery

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/judging"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/kustomize"
)

// memory is what the process knows of one Delivery beside its status. Losing
// it costs looks, never a decision: a restart compares everything once. Each part
// has one owner, the stage that writes it. All but the sight are the worker's
// alone: a Delivery has one at a time.
type memory struct {
	uid types.UID
	// compared is the converging's.
	compared compared
	// fights are the comparison's.
	fights drift.Fights
	// vigil is the health's.
	vigil vigil
	// others are the look's beside the placement.
	others others
	// leavings are the pruning's.
	leavings leavings
	// begun is the build whose turn it was, see [pass.turn]. The status has what of it
	// came to be applied.
	begun string
	// kept, the content digests that answers are kept for, is the settling's.
	kept string
	// builds are the aim's.
	builds aim.Builds
	// expressions are the pass's.
	expressions judging.Expressions
	// failures are the ending's.
	failures loop.Backoff
	// sight is the events' too.
	sight *drift.Sight
}

func newMemory(uid types.UID) *memory { return &memory{uid: uid, sight: drift.NewSight()} }

// compared is what everything was compared with last.
type compared struct {
	// begun: the process compared before, whatever came of it.
	begun bool
	// whole: a whole comparison succeeded since the start, and nothing failed since.
	whole bool
	// digest of the build that it was made for.
	digest string
	// backstop is when everything is compared again.
	backstop time.Time
}

// ended notes a comparison with a build: of all objects, or only of some.
func (c *compared) ended(digest string, full, failed bool) {
	if full && !failed {
		c.digest = digest
	}
	c.whole = !failed && (full || c.digest == digest)
}

// memories are the process's, by Delivery.
type memories struct {
	mu sync.Mutex
	by map[string]*memory
}

// of gives a Delivery's memory. A Delivery made anew under the same name is
// another one.
func (s *memories) of(d *v1alpha1.Delivery) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.by[d.Name]; ok && m.uid == d.UID {
		return m
	}
	if s.by == nil {
		s.by = map[string]*memory{}
	}
	m := newMemory(d.UID)
	s.by[d.Name] = m
	return m
}

func (s *memories) find(name string) (*memory, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.by[name]
	return m, ok
}

// give tells the placements what Git gives them that they did not have, and what it takes.
// What a placement has that does not build, or is still building, nobody knows: once it does
// that is no gift, or each build would excuse an old proof once more.
func (s *memories) give(previous, next *view.Snapshot) {
	if previous == nil || previous.Resolution == nil || next == nil || next.Resolution == nil {
		return
	}
	all := s.all()
	for id, owner := range next.Resolution.Owners {
		if all[owner] != nil && hasOther(previous.Resolution, id, owner) {
			all[owner].sight.Give(id)
		}
	}
	for id, owner := range previous.Resolution.Owners {
		if all[owner] != nil && hasOther(next.Resolution, id, owner) {
			all[owner].sight.Withdraw(id)
		}
	}
}

// hasOther: Git has an object in another placement than this, or in none.
func hasOther(r *kustomize.Resolution, id ObjectID, owner string) bool {
	if other, owned := r.Owner(id); owned {
		return other != owner
	}
	known, _ := r.MayDelete(id)
	return known
}

func (s *memories) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, name)
}

// all gives the memories by name.
func (s *memories) all() map[string]*memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.by)
}

// kinds are those that any Delivery has objects of.
func (s *memories) kinds() map[schema.GroupVersionKind]bool {
	used := map[schema.GroupVersionKind]bool{}
	for _, m := range s.all() {
		for _, gvk := range m.sight.Kinds() {
			used[gvk] = true
		}
	}
	return used
}
