package model

import (
	"slices"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// At is the model at a time: targets that have ended by then count for nothing. The
// zero time is before every end, and what [Load] gives. What it shares with m is
// read-only in both.
func (m *Model) At(now time.Time) *Model {
	at := *m
	at.now = now
	return &at
}

// Now is the time that the model is read at.
func (m *Model) Now() time.Time { return m.now }

// NextEnd is when the next target of any placement ends, after the model's time; ok
// is false when none does. Until then the model places what it places now.
func (m *Model) NextEnd() (next time.Time, ok bool) {
	for _, p := range m.Placements {
		for _, t := range p.Spec.Targets {
			if at, ends := t.Ends(); ends && m.now.Before(at) && (!ok || at.Before(next)) {
				next, ok = at, true
			}
		}
	}
	return next, ok
}

// LastEnd is when the last target ended that had by the model's time; ok is false
// when none had.
func (m *Model) LastEnd() (last time.Time, ok bool) {
	for _, p := range m.Placements {
		for _, t := range p.Spec.Targets {
			if at, ends := t.Ends(); ends && !m.now.Before(at) && (!ok || at.After(last)) {
				last, ok = at, true
			}
		}
	}
	return last, ok
}

// EndOf is when a placement leaves a cluster by itself: with the last of the targets
// that hold it there. ok is false when one of them does not end, or none holds it.
func (m *Model) EndOf(placement, cluster string) (end time.Time, ok bool) {
	p := m.Placements[placement]
	if p == nil {
		return time.Time{}, false
	}
	sets := m.SetsOf(cluster)
	for _, t := range p.Spec.Targets {
		if !reaches(t, cluster, sets) {
			continue
		}
		at, ends := t.Ends()
		if !ends {
			return time.Time{}, false
		}
		if !ok || at.After(end) {
			end, ok = at, true
		}
	}
	return end, ok
}

// EndedOn are the placements that a cluster would have, had their targets not ended,
// sorted.
func (m *Model) EndedOn(cluster string) []string {
	now := m.PlacedOn(cluster)
	return slices.DeleteFunc(m.At(time.Time{}).PlacedOn(cluster), func(name string) bool {
		return slices.Contains(now, name)
	})
}

// LiveTargets are the targets of a placement that have not ended, in the order of the
// file.
func (m *Model) LiveTargets(placement string) []api.PlacementTarget {
	p := m.Placements[placement]
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Spec.Targets), func(t api.PlacementTarget) bool { return t.EndedAt(m.now) })
}

// holds says whether a target holds a cluster now; sets are those that it is in.
func (m *Model) holds(t api.PlacementTarget, cluster string, sets []string) bool {
	return !t.EndedAt(m.now) && reaches(t, cluster, sets)
}

func reaches(t api.PlacementTarget, cluster string, sets []string) bool {
	return t.ClusterName == cluster || t.ClusterSet != "" && slices.Contains(sets, t.ClusterSet)
}
