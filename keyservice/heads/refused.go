package heads

import (
	"errors"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/store"
)

// errRefused says that the tip of the ref was seen and is not accepted, for too
// long: it may be the commit that revokes, behind one that nobody can accept.
// Whoever may push could otherwise keep the service at an old head for maxAge.
var errRefused = errors.New("the tip of the repository is refused, and was for too long")

// refusal remembers since when the tip is refused at the head in force. Another
// refused tip does not begin it anew; a look that finds the head at the tip, and a
// head that is accepted, end it. While Git is out of reach it goes on.
//
// Each replica believes its own eyes. The row in the store is for a restart, and
// for a replica that does not see Git. The age is kept as [freshness] keeps it.
type refusal struct {
	// max is the age from which on nothing is opened; 0 for none.
	max time.Duration
	// every is the least time between two writes of an older row.
	every time.Duration
	now   func() time.Time

	mu   sync.Mutex
	row  store.RefusedTip // its Head is "" when nothing is refused
	read time.Time
	// unsaved is how far the clock went since the row was written.
	unsaved time.Duration
	// ended is the head of a row that is to be taken back.
	ended string
}

func newRefusal(r config.Repository, now func() time.Time) *refusal {
	return &refusal{max: time.Duration(r.RefusedGrace), every: max(config.LeastBetweenSaves, time.Duration(r.Interval)), now: now}
}

// begin takes up the row after a start.
func (r *refusal) begin(row store.RefusedTip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = r.now()
	row.Age = max(row.Age, forward(row.Since, r.read))
	r.row, r.unsaved = row, r.every
}

// saw counts a look of this replica that found a tip which it does not accept.
func (r *refusal) saw(x store.RefusedTip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advance()
	r.ended = ""
	if r.row.Head == x.Head && r.row.Tip == x.Tip && r.row.Reason == x.Reason {
		return
	}
	r.unsaved = r.every
	if r.row.Head == x.Head {
		r.row.Tip, r.row.Reason = x.Tip, x.Reason
		return
	}
	r.row, r.read = x, x.Since
	r.advance()
}

// over counts a look of this replica that was verified.
func (r *refusal) over() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.row.Head != "" {
		r.ended = r.row.Head
	}
	r.row = store.RefusedTip{}
}

// learn takes up what another replica saw, for one whose look failed.
func (r *refusal) learn(row store.RefusedTip) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advance()
	row.Age = max(row.Age, forward(row.Since, r.read))
	if r.row.Head != row.Head || r.row.Age < row.Age {
		r.row = row
	}
}

// advance reads the clock. Callers hold the lock.
func (r *refusal) advance() {
	now := r.now()
	if r.row.Head != "" {
		step := forward(r.read, now)
		r.row.Age = min(r.row.Age+step, eternity)
		r.unsaved = min(r.unsaved+step, eternity)
	}
	r.read = now
}

// at is what stands refused at a head.
func (r *refusal) at(head string) (store.RefusedTip, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advance()
	return r.row, head != "" && r.row.Head == head
}

// isTooOld says whether a refusal of this age stops what is opened.
func (r *refusal) isTooOld(age time.Duration) bool { return r.max != 0 && age > r.max }

// due returns the row to write, if it is time, and the head of one to take back.
func (r *refusal) due() (row store.RefusedTip, is bool, ended string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advance()
	return r.row, r.row.Head != "" && r.unsaved >= r.every, r.ended
}

func (r *refusal) saved(ended string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsaved = 0
	if r.ended == ended {
		r.ended = ""
	}
}
