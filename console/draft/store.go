package draft

import (
	"crypto/rand"
	"encoding/json"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
)

// Bounds of a [Store]. A draft's choice, files and blocks have MaxSize bytes at most, and all drafts
// Memory, unless the store says another number; one person's are an eighth of that at most,
// and one draft in any case.
const (
	Life      = 12 * time.Hour
	MaxSize   = 4 << 20
	Memory    = 256 << 20
	share     = 8
	mostOfOne = 50
	// each is what a draft takes beside them, in bytes, a choice of the usual length among it.
	each = 16 << 10
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
	// Keep are the stubs that the key service's store gets before a branch names them, by
	// the file of the reference that does.
	Keep map[string][]byte
	// Commit has the files on Base; "" until somebody looked at it. What is proposed is what
	// they saw, and pressed again it is the same one.
	Commit string
	Until  time.Time

	// turn tells this state from others: a copy of an older one, as another tab has it, puts
	// none in its place.
	turn int
	// bytes is [Draft.size], as it was when it was kept.
	bytes int64
}

// Sealed reports whether nothing is missing but a look at it.
func (d Draft) Sealed() bool { return len(d.Files) > 0 }

// size is what a draft takes of the memory beside each, in bytes. What was chosen counts: a
// person writes an address as long as they like.
func (d Draft) size() (size int64) {
	text, err := json.Marshal(d.Choice)
	if err != nil {
		return MaxSize + 1
	}
	size = max(0, int64(len(text))-each)
	for name, data := range d.Files {
		size += int64(len(name) + len(data))
	}
	for _, data := range d.Keep {
		size += int64(len(data))
	}
	for _, block := range d.Blocks {
		size += int64(len(block.Payload))
	}
	return size
}

// Store keeps drafts in memory. Its zero value is ready; it is safe for concurrent use.
type Store struct {
	// Memory is how many bytes all drafts may take; 0 is [Memory]. It is set before the first
	// use.
	Memory int64

	mu  sync.Mutex
	all map[string]Draft
}

// Put keeps a draft: a new one, which gets an id, or another state of one that is there.
func (s *Store) Put(d Draft, now time.Time) (Draft, error) {
	if d.bytes = d.size(); d.bytes > MaxSize {
		return d, fault.New("split it into several secrets", "the draft has %d bytes, more than %d", d.bytes, MaxSize)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(now)
	if d.ID == "" {
		d.ID, d.Until = rand.Text(), now.Add(Life)
	} else if old, ok := s.all[d.ID]; !ok || old.Owner != d.Owner {
		return d, gone()
	} else if old.turn != d.turn {
		return d, errTurned
	}
	if err := s.room(d); err != nil {
		return d, err
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
var ErrGone = fault.New("begin again; a draft ends after twelve hours, when the console starts anew, and when "+
	"its person begins more than there is room for: their oldest goes first",
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
