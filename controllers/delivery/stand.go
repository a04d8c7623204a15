package delivery

import (
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/view"
)

// stand is what stands of a placement: the inventory, and with it what the process
// remembers of each of its objects. Stages write both here, together.
type stand struct {
	// inv is nil until it was read.
	inv inventory.Inventory
	// saved is how many entries the saved status has.
	saved int
	// ending: something ends, and the saved status does not know it yet.
	ending bool

	sight  *drift.Sight
	vigil  *vigil
	fights *drift.Fights
}

// sent notes what an apply left: the version that it has is right for what hash is of.
func (s *stand) sent(id ObjectID, entry v1alpha1.InventoryEntry, hash string) {
	s.inv[id] = entry
	s.sight.Right(id, drift.Version{ResourceVersion: entry.ResourceVersion, Generation: entry.Generation, Hash: hash})
}

// was says that an apply made an object as Git has it. What it met on its way out does not
// stand so, and the inventory has no hash of it; but who undoes that fights as anybody does.
func (s *stand) was(o apply.Object) bool {
	entry, known := s.inv[o.ID]
	right, sent := s.sight.RightOf(o.ID)
	return known && (entry.Applied == o.Hash || entry.Applied == "" && entry.UID != "" && sent && right.Hash == o.Hash)
}

// unsure takes back that an object stands as Git has it.
func (s *stand) unsure(id ObjectID, entry v1alpha1.InventoryEntry) {
	entry.Applied = ""
	s.inv[id] = entry
	s.sight.Forget(id)
}

// wrote notes that an object was written: its health is to be looked at anew, and
// its clock begins.
func (s *stand) wrote(id ObjectID, now time.Time) { s.vigil.wrote(id, now) }

// begins notes, of what Git places here no more, the last revision that was begun
// while it still did, and forgets it of what is placed. Consent that stands in Git is
// for one revision: what was placed after that one is not covered. What came back while it
// goes, as look sees it, or while nobody can tell, no longer stands as Git has it: it is made
// anew, and that may have to wait for its time.
func (s *stand) begins(a *aim.Aim, last string,
	look func(id ObjectID, entry v1alpha1.InventoryEntry) (seen apply.Seen, exists bool, err error)) {
	for id, entry := range s.inv {
		_, wanted := a.Desired[id]
		_, contested := a.Snapshot.Resolution.Conflicts[id]
		switch stays := wanted || contested; {
		case stays && entry.Until != "":
			seen, exists, err := look(id, entry)
			entry.Until = ""
			if seen.Terminating {
				entry.Run = nil // of one that is gone nobody knows whose deed that was
			}
			if err != nil || !exists || seen.Terminating {
				s.unsure(id, entry)
				continue
			}
		case !stays && entry.Until == "":
			entry.Until, s.ending = last, s.ending || last != ""
		default:
			continue
		}
		s.inv[id] = entry
	}
}

// lost finds what Git gave to another placement, which had it deleted, and gave back before it
// was gone: the inventory has it as standing, since this placement's own passes saw nothing of
// that. What cannot be looked at counts too.
func (s *stand) lost(a *aim.Aim,
	look func(id ObjectID, entry v1alpha1.InventoryEntry) (seen apply.Seen, exists bool, err error)) (any bool) {
	for id, entry := range s.inv {
		if _, wanted := a.Desired[id]; !wanted || entry.Applied == "" {
			continue
		}
		seen, _, err := look(id, entry)
		if any = any || err != nil; seen.Terminating && seen.Of != "" {
			any, entry.Run = true, nil
			s.unsure(id, entry)
		}
	}
	return any
}

// leaving are objects with the revision at which Git placed them last.
func (s *stand) leaving(ids []ObjectID) view.Leaving {
	leaving := make(view.Leaving, len(ids))
	for _, id := range ids {
		leaving[id] = s.inv[id].Until
	}
	return leaving
}

// drop takes an object out.
func (s *stand) drop(id ObjectID) {
	delete(s.inv, id)
	s.vigil.drop(id)
	s.fights.Forget(id)
	s.sight.Forget(id)
	s.sight.Withdraw(id)
}
