package draft

import (
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
)

// Bounds of a [Store]. A draft has one file and its blocks, of less than MaxSize bytes.
const (
	Life      = 12 * time.Hour
	mostOfOne = 50
	mostOfAll = 2000
	MaxSize   = 3 << 20
)

// Draft is one change on its way. A copy of it is handed out: only the store changes one.
type Draft struct {
	ID    string
	Owner string
	Choice
	// Base is the commit that it stands on.
	Base string
	// Blocks are what the browser sealed, in the order of the changes; nil before that.
	Blocks []api.Block
	// Files of the commit, by path; nil for one that goes.
	Files map[string][]byte
	// Commit has the files on Base; "" until somebody looked at it. What is proposed is what
	// they saw, and pressed again it is the same one.
	Commit string
	Until  time.Time

	// turn tells this state from others: a copy of an older one, as another tab has it, puts
	// none in its place.
	turn int
}

// Sealed reports whether nothing is missing but a look at it.
func (d Draft) Sealed() bool { return len(d.Files) > 0 }

// Store keeps drafts in memory. Its zero value is ready; it is safe for concurrent use.
type Store struct {
	mu  sync.Mutex
	all map[string]Draft
}

// Put keeps a draft: a new one, which gets an id, or another state of one that is there.
func (s *Store) Put(d Draft, now time.Time) (Draft, error) {
	size := 0
	for _, data := range d.Files {
		size += len(data)
	}
	for _, block := range d.Blocks {
		size += len(block.Payload)
	}
	if size > MaxSize {
		return d, fault.New("split it into several secrets", "the draft has %d bytes, more than %d", size, MaxSize)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	if d.ID == "" {
		if err := s.room(d.Owner); err != nil {
			return d, err
		}
		d.ID, d.Until = rand.Text(), now.Add(Life)
	} else if old, ok := s.all[d.ID]; !ok || old.Owner != d.Owner {
		return d, gone()
	} else if old.turn != d.turn {
		return d, errTurned
	}
	d.Commit = ""
	d.turn++
	if s.all == nil {
		s.all = map[string]Draft{}
	}
	s.all[d.ID] = d
	return d, nil
}

// Get finds a draft of its owner. That of another person is not found, as one that never was.
func (s *Store) Get(id, owner string, now time.Time) (Draft, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	d, ok := s.all[id]
	if !ok || d.Owner != owner {
		return Draft{}, gone()
	}
	return d, nil
}

// Drop forgets a draft.
func (s *Store) Drop(id, owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[id].Owner == owner {
		delete(s.all, id)
	}
}

// ErrGone is of a draft that is not there.
var ErrGone = fault.New("begin again; a draft ends after twelve hours, and when the console starts anew",
	"there is no such draft")

func gone() error { return ErrGone }

var errTurned = fault.New("load the page anew: it shows the draft as it is now",
	"the draft changed meanwhile, in another tab")

// Committed keeps the commit of a draft as it is, unless it has one: of two looks at once
// the first counts for both.
func (s *Store) Committed(d Draft, commit string, now time.Time) (Draft, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	is, ok := s.all[d.ID]
	switch {
	case !ok || is.Owner != d.Owner:
		return d, gone()
	case is.turn != d.turn:
		return d, errTurned
	case is.Commit == "":
		is.Commit = commit
		s.all[d.ID] = is
	}
	return is, nil
}

func (s *Store) drop(now time.Time) {
	for id, d := range s.all {
		if !now.Before(d.Until) {
			delete(s.all, id)
		}
	}
}

// room makes some for one more: who begins many loses their own oldest, and nobody else's.
func (s *Store) room(owner string) error {
	var own []Draft
	for _, d := range s.all {
		if d.Owner == owner {
			own = append(own, d)
		}
	}
	if len(own) >= mostOfOne {
		delete(s.all, slices.MinFunc(own, func(a, b Draft) int { return a.Until.Compare(b.Until) }).ID)
	} else if len(s.all) >= mostOfAll {
		return fault.New("try it again later", "the console has %d drafts already", mostOfAll)
	}
	return nil
}
