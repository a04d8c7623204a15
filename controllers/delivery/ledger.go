package delivery

import (
	"context"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/record"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// ledger tells the key service's what stands after a pass.
type ledger struct {
	// reporter is nil for nobody.
	reporter *report.Reporter
	presence report.Presence
	aim      *aim.Aim
	record   *record.Record
	stand    *stand
	others   *others
}

// tell says what stands, and what does no longer.
func (l ledger) tell(ctx context.Context) {
	if l.reporter == nil || l.aim.Snapshot == nil {
		return
	}
	defer l.reporter.Book.Wake() // the conditions may say something else
	inv := l.stand.inv
	var said []*keyservicev1.SecretReport
	if inv == nil || l.aim.Placed != nil && l.aim.Placed.Err != nil { // nothing new is known: the status has it
		var err error
		if inv, err = l.record.Inventory(ctx); err != nil {
			return
		}
		var known bool
		if said, known = l.reporter.Book.Said(l.aim.Name); !known {
			said = l.standing(inv, nil)
		}
	} else {
		said = l.standing(inv, l.users())
	}
	stand, gone := l.presence.Part(ctx, l.aim.Name, inv, said)
	l.reporter.Book.Stands(l.aim.Name, stand)
	l.reporter.Book.Lost(gone)
}

// users are the workloads that rolled out with a sealed object: of the placement, and
// of others.
func (l ledger) users() map[ObjectID][]string {
	users := map[ObjectID][]string{}
	for id, names := range l.others.users {
		users[id] = append(users[id], names...)
	}
	for _, o := range l.aim.Objects {
		if !l.stand.vigil.rolled[o.ID] {
			continue
		}
		for _, id := range l.aim.SealedReads(o) {
			users[id] = append(users[id], o.ID.Kind+"/"+o.ID.Name)
		}
	}
	return users
}

// standing are the sealed objects of an inventory. An object whose locks alone
// changed is as good as made from the stub that Git has now.
func (l ledger) standing(inv inventory.Inventory, users map[ObjectID][]string) []*keyservicev1.SecretReport {
	reports := []*keyservicev1.SecretReport{}
	for id, entry := range inv {
		if entry.Content == "" {
			continue
		}
		digest := entry.Stub
		if o, ok := l.aim.Desired[id]; ok && o.Content == entry.Content {
			digest = o.StubDigest()
		}
		reports = append(reports, report.NewSecret(l.aim.Name, id, digest, users[id]))
	}
	return report.Sorted(reports)
}

// lost says that a sealed object is confirmed absent; entry is as the inventory had
// it.
func (l ledger) lost(id ObjectID, entry v1alpha1.InventoryEntry) {
	if l.reporter == nil || entry.Content == "" {
		return
	}
	l.reporter.Book.Absent(report.NewSecret(l.aim.Name, id, entry.Stub, nil))
}
