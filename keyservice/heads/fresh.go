package heads

import (
	"errors"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// errStale says that nobody has verified for too long that the head in use is
// still the newest: whoever stands between the service and Git may hide a commit
// that revokes.
var errStale = errors.New("the repository was not seen at the accepted head for too long")

const (
	// eternity bounds an age: a clock that jumps by centuries must not make sums
	// overflow, and a look young again.
	eternity = 100 * 365 * 24 * time.Hour
)

// freshness is how long ago a look at the remote was verified: it found the
// head in force at the tip of the ref, or a tip that was accepted. A look that
// found anything else does not count, so that a Git host cannot cover the next
// commit by one that nobody accepts. Looks of other replicas count by the row in
// the store.
//
// The age is the sum of what the clock went forward since the look. A clock that
// is set back takes nothing off, and the age is kept in the row, for a restart.
type freshness struct {
	// max is the greatest age at which anything is opened; 0 for none.
	max time.Duration
	// every is the least time between two writes of the row.
	every time.Duration
	now   func() time.Time

	mu sync.Mutex
	// look is the newest one that is known, as old as it was when the clock was
	// read last. Its hash is empty before the first.
	look store.Look
	read time.Time
	// own is set while the row does not have the look yet.
	own bool
	// unsaved is how far the clock went since the row was written last.
	unsaved time.Duration
}

func newFreshness(r config.Repository, now func() time.Time) *freshness {
	every := max(config.LeastBetweenSaves, time.Duration(r.Interval))
	return &freshness{max: time.Duration(r.MaxAge), every: every, unsaved: every, now: now}
}

// begin takes up what the store has of a head, after a start. A head without a
// look was seen when it was accepted, and not since as far as can be shown: so
// it is with databases of a version that kept no looks.
func (f *freshness) begin(last store.Head, row store.Look) {
	if row.Hash != last.Hash {
		row = store.Look{Fleet: last.Fleet, Ref: last.Ref, Hash: last.Hash, Number: row.Number, At: last.Accepted}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = f.now()
	row.Age = max(row.Age, forward(row.At, f.read))
	f.look, f.own = row, false
}

// verified counts a look of this replica that began at a time.
func (f *freshness) verified(fleet, ref, hash string, began time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance()
	f.look = store.Look{Fleet: fleet, Ref: ref, Hash: hash, Number: f.look.Number, At: began}
	f.read, f.own = began, true
}

// learn takes up the row, if another replica looked since. It makes the look
// younger, never older: the clocks of replicas differ.
func (f *freshness) learn(row store.Look) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance()
	if row.Hash != f.look.Hash || row.Number <= f.look.Number {
		return
	}
	f.look.Number = row.Number
	if row.Age = max(row.Age, forward(row.At, f.read)); row.Age < f.look.Age {
		f.look, f.own = row, false
	}
}

// advance reads the clock. Callers hold the lock.
func (f *freshness) advance() {
	now := f.now()
	if f.look.Hash != "" {
		step := forward(f.read, now)
		f.look.Age = min(f.look.Age+step, eternity)
		f.unsaved = min(f.unsaved+step, eternity)
	}
	f.read = now
}

// forward is how far a clock went, by its reading and by the time that passed;
// it never goes back. The one sees a machine that slept, the other a clock that
// was set back.
func forward(from, to time.Time) time.Duration {
	return min(eternity, max(0, to.Sub(from), to.Round(0).Sub(from.Round(0))))
}

// age is that of the newest verified look, for one that is known.
func (f *freshness) age() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance()
	return f.look.Age
}

// isFresh says whether a look of this age is of late.
func (f *freshness) isFresh(age time.Duration) bool { return f.max == 0 || age <= f.max }

// due returns what the row does not have, when it is time to write it.
func (f *freshness) due() (look store.Look, own, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advance()
	return f.look, f.own, f.look.Hash != "" && f.unsaved >= f.every
}

// saved is told what was written. A look of this replica has a number then.
func (f *freshness) saved(look store.Look) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsaved = 0
	f.look.Number = max(f.look.Number, look.Number)
	if f.look.At.Equal(look.At) {
		f.own = false
	}
}
