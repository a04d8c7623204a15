package delivery

import (
	"time"

	"github.com/bulla-dev/bulla/controllers/internal/apply"
)

// vigil is what was seen of the health of a Delivery's objects, and since when one
// waits for it.
type vigil struct {
	// healthy: everything was seen well since it was written last.
	healthy bool
	// well: everything was well since the clock was set.
	well    bool
	since   time.Time
	changed map[ObjectID]time.Time // when an object was applied last
	rolled  map[ObjectID]bool      // rolled out since it was applied last
}

// applied begins the clock of a build, and has health looked at.
func (v *vigil) applied(other bool, now time.Time) {
	if other || v.since.IsZero() {
		v.since = now
	}
	v.healthy = false
}

// wrote begins the clock of an object.
func (v *vigil) wrote(id ObjectID, now time.Time) {
	if v.changed == nil {
		v.changed = map[ObjectID]time.Time{}
	}
	v.changed[id] = now
	v.healthy = false
	delete(v.rolled, id)
}

// goes notes that an object was met on its way out: what it was sent then is not rolled out.
func (v *vigil) goes(id ObjectID) { delete(v.rolled, id) }

func (v *vigil) drop(id ObjectID) {
	delete(v.changed, id)
	delete(v.rolled, id)
}

// rollsOut remembers that a workload rolled out since it was applied last.
func (v *vigil) rollsOut(id ObjectID) {
	if v.rolled == nil {
		v.rolled = map[ObjectID]bool{}
	}
	v.rolled[id] = true
}

// clock is since when an object is waited for: since the revision was applied,
// since it or what its pods read was written again, or since it was first seen
// unwell after everything had been well. What was well for a month and is being
// mended has its whole timeout.
func (v *vigil) clock(o apply.Object, now time.Time) time.Time {
	if v.well {
		v.well, v.since = false, now
	}
	latest := v.since
	look := func(id ObjectID) {
		if at := v.changed[id]; at.After(latest) {
			latest = at
		}
	}
	look(o.ID)
	for _, ref := range o.Reads {
		look(ObjectID{Kind: ref.Kind, Namespace: o.ID.Namespace, Name: ref.Name})
	}
	return latest
}
