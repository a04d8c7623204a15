// Package view is what a cluster sees of Git: one accepted head, resolved for it,
// replaced whole. Both loops stand on it, and neither sees half a revision.
package view

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/model"
)

// ObjectID names a built object: group, kind, namespace and name.
type ObjectID = kustomize.ObjectID

// Snapshot is one accepted, verified head, resolved for this cluster. It is
// never changed after [Snapshots.Store].
type Snapshot struct {
	// Head is the commit's hash, in hexadecimal.
	Head string
	// Revision is ref@sha1:hash, for people and statuses.
	Revision string
	// Fleet is the fleet whose signature verified under the pinned root key.
	Fleet *api.Fleet
	// Model is the fleet as the tree at Head describes it.
	Model *model.Model
	// Resolution is what Head places on this cluster, built. While
	// ClusterSuspended it is what was delivered last, so that drift heals.
	// Never nil in a stored snapshot.
	Resolution *kustomize.Resolution
	// ClusterSuspended says that Head suspends this cluster or has no file for
	// it: nothing new is unsealed and nothing is pruned. What runs keeps running.
	ClusterSuspended bool

	// NotInFleet says why ClusterSuspended, for the FleetSync's condition.
	NotInFleet string
	// Stood builds what a Delivery applied last again, from the revision that it
	// was built from; nil when that is not to be had any more.
	Stood func(context.Context, *v1alpha1.Delivery) *kustomize.Build
	// Consented is what is consented to at Head; nil for nothing.
	Consented Consent
}

// Placed gives the named placement on this cluster; nil when the snapshot does
// not place it, or while there is no snapshot.
func (s *Snapshot) Placed(name string) *kustomize.Placed {
	if s == nil || s.Resolution == nil {
		return nil
	}
	return s.Resolution.Placed[name]
}

// Snapshots holds the snapshot that stands. The zero value holds none. It is
// safe for concurrent use.
type Snapshots struct {
	current atomic.Pointer[Snapshot]

	mu        sync.Mutex // orders Store and the calls of listeners
	listeners []func(previous, next *Snapshot)
}

// Load gives the snapshot that stands; nil until there is one, and a Delivery
// then waits.
func (s *Snapshots) Load() *Snapshot { return s.current.Load() }

// Store replaces the snapshot and calls the listeners. It comes before the
// Deliveries are written, so that a Delivery which sees a new build digest
// finds its build here.
func (s *Snapshots) Store(next *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	previous := s.current.Swap(next)
	for _, listen := range s.listeners {
		listen(previous, next)
	}
}

// OnStore registers a listener; previous is nil the first time. Listeners must
// not block: they enqueue. next is nil once the last FleetSync is gone. With [ChangedPlacements] a Delivery learns of what
// reaches it without a write to its spec: the first snapshot after a start, a
// build that fails or heals, a change of its Placement's own fields, and an
// object that another placement begins or ends to claim.
func (s *Snapshots) OnStore(listen func(previous, next *Snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, listen)
}

// ChangedPlacements gives the names, sorted, of the placements that stand
// differently in the two snapshots, builds aside: those arrive as a new
// spec.buildDigest. With previous nil it gives all of next.
func ChangedPlacements(previous, next *Snapshot) []string {
	changed := map[string]bool{}
	if next == nil || next.Resolution == nil {
		return nil
	}
	for name, placed := range next.Resolution.Placed {
		before := previous.Placed(name)
		if before == nil || previous.ClusterSuspended != next.ClusterSuspended ||
			(before.Err == nil) != (placed.Err == nil) ||
			!reflect.DeepEqual(before.Placement, placed.Placement) ||
			!reflect.DeepEqual(before.Conflicts, placed.Conflicts) {
			changed[name] = true
		}
	}
	if previous != nil && previous.Resolution != nil {
		for name := range previous.Resolution.Placed {
			if next.Resolution.Placed[name] == nil {
				changed[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(changed))
}
