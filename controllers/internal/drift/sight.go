package drift

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// Version of a live object that was applied, or looked at and found right.
type Version struct {
	ResourceVersion string
	Generation      int64
	// Hash is that of the object as Git has it, which it is right for; "" where nobody knows.
	Hash string
}

// Sight is what a Delivery expects to see in its watches, so that its own writes
// are no news. It is between the worker and the events, and safe for concurrent
// use.
type Sight struct {
	mu       sync.Mutex
	versions map[inventory.ID]Version
	// marked are objects that may differ.
	marked map[inventory.ID]bool
	// given says of objects whether Git gave them to the placement and nobody made them
	// so yet; see [Sight.Give].
	given map[inventory.ID]bool
	kinds []schema.GroupVersionKind
	// waiting: a status that moves is news. unsettled: a new snapshot is.
	waiting, unsettled bool
}

// NewSight expects nothing yet.
func NewSight() *Sight { return &Sight{versions: map[inventory.ID]Version{}} }

// Learn takes versions from an inventory that the process does not know.
func (s *Sight) Learn(inv inventory.Inventory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, entry := range inv {
		if _, ok := s.versions[id]; !ok && entry.ResourceVersion != "" {
			s.versions[id] = Version{ResourceVersion: entry.ResourceVersion, Generation: entry.Generation}
		}
	}
}

// Right notes the version in which an object is as it should be.
func (s *Sight) Right(id inventory.ID, v Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[id] = v
}

// RightOf gives the version in which an object was right last.
func (s *Sight) RightOf(id inventory.ID) (Version, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.versions[id]
	return v, ok
}

// Forget is for an object that is gone, or that nobody knows to be right.
func (s *Sight) Forget(id inventory.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.versions, id)
}

// Give notes that Git gave an object to the placement, which had another's before or none.
// It may carry the other's proof for a while.
func (s *Sight) Give(id inventory.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give(id, true)
}

// Given reports whether Git gave an object to the placement, and nobody made it so yet. Of
// what Git did before the process began to look nobody knows: first says that it begins.
func (s *Sight) Given(id inventory.ID, first bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	given, known := s.given[id]
	return given || first && !known
}

// Took notes that what Git gave was made this placement's. Whoever writes an old proof of the
// other again, as anybody can who may patch the object, fights from here on.
func (s *Sight) Took(id inventory.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give(id, false)
}

// Withdraw notes that Git took an object away: whether it was given is of no interest until it
// is given again.
func (s *Sight) Withdraw(id inventory.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.given, id)
}

func (s *Sight) give(id inventory.ID, given bool) {
	if s.given == nil {
		s.given = map[inventory.ID]bool{}
	}
	s.given[id] = given
}

// Mark has an object looked at in the next pass.
func (s *Sight) Mark(id inventory.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mark(id)
}

func (s *Sight) mark(id inventory.ID) {
	if s.marked == nil {
		s.marked = map[inventory.ID]bool{}
	}
	s.marked[id] = true
}

// Marked gives the marked objects. Marks of what the inventory does not know are dropped:
// whoever may write a label may have any number of them made.
func (s *Sight) Marked(known inventory.Inventory) map[inventory.ID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.marked, func(id inventory.ID, _ bool) bool {
		_, is := known[id]
		return !is
	})
	return maps.Clone(s.marked)
}

// Take gives the marked objects, and marks them no more: for who compares them now.
func (s *Sight) Take() map[inventory.ID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	marked := s.marked
	s.marked = nil
	return marked
}

// Look sets the kinds that the Delivery has objects of.
func (s *Sight) Look(kinds []schema.GroupVersionKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds = kinds
}

// Kinds are those that Look set.
func (s *Sight) Kinds() []schema.GroupVersionKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kinds)
}

// Wait says what the Delivery waits for.
func (s *Sight) Wait(waiting, unsettled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting, s.unsettled = waiting, unsettled
}

// Unsettled says that something keeps the Delivery that a new snapshot may mend.
func (s *Sight) Unsettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unsettled
}

// IsNews says whether an event is, and marks its object if so.
func (s *Sight) IsNews(e Event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Progress {
		return s.waiting
	}
	if known, ok := s.versions[e.ID]; ok && known.ResourceVersion == e.ResourceVersion {
		return false // our own write
	}
	s.mark(e.ID)
	return true
}
