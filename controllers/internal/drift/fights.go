package drift

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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

// Deed is what somebody did to an object of ours.
type Deed struct {
	// Deleted rather than changed.
	Deleted bool
	// By is the field manager that did it; "" when it cannot be told.
	By string
	// Of is the placement that the object is proved to belong to, where that is another.
	Of string
}

func (d Deed) String() string {
	text := "changed"
	if d.Deleted {
		text = "deleted"
	}
	if d.By != "" {
		text += fmt.Sprintf(" by %q", d.By)
	}
	return text
}

// Fights counts how often each object was reverted, so that two controllers
// that fight over one field do not melt the API server. The zero value is
// ready; it is not safe for concurrent use.
type Fights struct {
	of map[inventory.ID]fight
}

type fight struct {
	count int
	last  time.Time
	deed  Deed
}

// Contest is a fight that goes on.
type Contest struct {
	ID inventory.ID
	// Count is how often the object was reverted, Deed the last cause.
	Count int
	Deed  Deed
	// Next is when the next revert may be; Quiet when the fight is over, if
	// nothing more happens.
	Next, Quiet time.Time
}

// Wait says how long an object's next revert is put off, 0 for not at all.
func (f *Fights) Wait(id inventory.ID, now time.Time) time.Duration {
	known, ok := f.of[id]
	if !ok {
		return 0
	}
	return max(0, known.next().Sub(now))
}

// next is the earliest time of the next revert.
func (f fight) next() time.Time {
	if f.count < freeReverts {
		return f.last
	}
	pause := longestWait
	if shift := f.count - freeReverts; shift < 6 {
		pause = firstPause << shift
	}
	return f.last.Add(pause)
}

// Reverted records a revert, and what made it necessary. An object that was quiet
// for long starts anew.
func (f *Fights) Reverted(id inventory.ID, deed Deed, now time.Time) {
	if f.of == nil {
		f.of = map[inventory.ID]fight{}
	}
	known := f.of[id]
	if now.Sub(known.last) > quietTime {
		known.count = 0
	}
	f.of[id] = fight{count: known.count + 1, last: now, deed: deed}
}

// Forget ends an object's fight: Git does not want it any more.
func (f *Fights) Forget(id inventory.ID) { delete(f.of, id) }

// Of gives an object's fight, whether or not it is one yet.
func (f *Fights) Of(id inventory.ID) Contest {
	known := f.of[id]
	return Contest{ID: id, Count: known.count, Deed: known.deed, Next: known.next(), Quiet: known.last.Add(quietTime)}
}

// Going gives the fights that go on, sorted: objects that were reverted more often
// than by chance, and have not been left alone since for long.
func (f *Fights) Going(now time.Time) []Contest {
	var going []Contest
	for _, id := range slices.SortedFunc(maps.Keys(f.of), func(a, b inventory.ID) int { return cmp.Compare(a.String(), b.String()) }) {
		if contest := f.Of(id); contest.Count > freeReverts && now.Before(contest.Quiet) {
			going = append(going, contest)
		}
	}
	return going
}
