package delivery

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/sealing"
)

// memory is what the process knows of one Delivery beside its status. Losing
// it costs looks, never a decision: a restart compares everything once.
type memory struct {
	uid types.UID

	// Of the worker alone: a Delivery has one at a time.
	planned  bool   // a whole comparison succeeded since the start
	digest   string // the build digest that it was made for
	healthy  bool   // digest was seen healthy
	since    time.Time
	well     bool                   // everything was healthy since the clock was set
	changed  map[ObjectID]time.Time // when an object was applied last
	backstop time.Time
	failures int
	rolled   map[ObjectID]bool      // rolled out since it was applied last
	kept     string                 // the content digests that answers are kept for
	leaving  map[ObjectID]time.Time // what is to go, and since when
	moved    map[string]int         // objects that another placement took, by its name
	fights   drift.Fights
	prepared struct {
		key     string
		objects []apply.Object
	}
	stood stood

	mu sync.Mutex
	// versions are live resource versions known to be right.
	versions map[ObjectID]version
	dirty    map[ObjectID]bool
	kinds    []schema.GroupVersionKind
	// watched by events: a status that moves wakes a Delivery that waits.
	waiting   bool
	unsettled bool
}

// version of a live object that was applied, or looked at and found right.
type version struct {
	resourceVersion string
	generation      int64
}

func (m *memory) takeDirty() map[ObjectID]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	dirty := m.dirty
	m.dirty = nil
	return dirty
}

// learn takes versions from an inventory that the process does not know.
func (m *memory) learn(inv inventory.Inventory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, entry := range inv {
		if _, ok := m.versions[id]; !ok && entry.ResourceVersion != "" {
			m.versions[id] = version{entry.ResourceVersion, entry.Generation}
		}
	}
}

func (m *memory) right(id ObjectID, v version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.versions[id] = v
}

// touched notes that an object was written: its health is to be looked at anew,
// and the clock of it begins.
func (m *memory) touched(id ObjectID, now time.Time) {
	if m.changed == nil {
		m.changed = map[ObjectID]time.Time{}
	}
	m.changed[id] = now
	m.healthy = false
	delete(m.rolled, id)
}

func (m *memory) version(id ObjectID) (version, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.versions[id]
	return v, ok
}

func (m *memory) gone(id ObjectID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.versions, id)
}

func (m *memory) watches(kinds []schema.GroupVersionKind) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kinds = kinds
}

// state says to the event handlers what is waited for.
func (m *memory) state(waiting, unsettled bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting, m.unsettled = waiting, unsettled
}

// wants says whether an event is news, and marks its object dirty if so.
func (m *memory) wants(e drift.Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Progress {
		return m.waiting
	}
	if known, ok := m.versions[e.ID]; ok && known.resourceVersion == e.ResourceVersion {
		return false // our own write
	}
	if m.dirty == nil {
		m.dirty = map[ObjectID]bool{}
	}
	m.dirty[e.ID] = true
	return true
}

// prepare gives the objects of a build as they are to stand; the same build is
// prepared once.
func (m *memory) prepare(fleet string, build *kustomize.Build) ([]apply.Object, error) {
	key := fleet + "\n" + build.Digest
	if m.prepared.key == key {
		return m.prepared.objects, nil
	}
	objects, err := prepare(fleet, build)
	if err != nil {
		return nil, err
	}
	m.prepared.key, m.prepared.objects = key, objects
	return objects, nil
}

func prepare(fleet string, build *kustomize.Build) ([]apply.Object, error) {
	owner := apply.Owner{Fleet: fleet, Placement: build.Placement}
	return apply.Prepare(owner, build.Objects, func(stub *api.SealedManifest) (string, error) {
		return sealing.ContentDigest(fleet, stub)
	})
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
	m := &memory{uid: d.UID, versions: map[ObjectID]version{}}
	s.by[d.Name] = m
	return m
}

func (s *memories) find(name string) (*memory, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.by[name]
	return m, ok
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
		m.mu.Lock()
		for _, gvk := range m.kinds {
			used[gvk] = true
		}
		m.mu.Unlock()
	}
	return used
}

func (m *memory) isUnsettled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.unsettled
}
