package drift

import (
	"time"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// Back-off of reverts: the first three within the quiet time are immediate.
const (
	freeReverts = 3
	firstPause  = 5 * time.Second
	longestWait = 5 * time.Minute
	quietTime   = 10 * time.Minute
)

// Fights counts how often each object was reverted, so that two controllers
// that fight over one field do not melt the API server. The zero value is
// ready; it is not safe for concurrent use.
type Fights struct {
	of map[inventory.ID]fight
}

type fight struct {
	count int
	last  time.Time
}

// Wait says how long an object's next revert is put off, 0 for not at all.
func (f *Fights) Wait(id inventory.ID, now time.Time) time.Duration {
	known, ok := f.of[id]
	if !ok || known.count < freeReverts {
		return 0
	}
	pause := longestWait
	if shift := known.count - freeReverts; shift < 6 {
		pause = firstPause << shift
	}
	return max(0, known.last.Add(pause).Sub(now))
}

// Reverted records a revert. An object that was quiet for long starts anew.
func (f *Fights) Reverted(id inventory.ID, now time.Time) {
	if f.of == nil {
		f.of = map[inventory.ID]fight{}
	}
	known := f.of[id]
	if now.Sub(known.last) > quietTime {
		known.count = 0
	}
	f.of[id] = fight{count: known.count + 1, last: now}
}
