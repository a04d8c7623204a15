package delivery

import (
	"context"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/report"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// rollouts looks which workloads that read sealed secrets have rolled out. It
// asks the API server about those that had not when it looked last, and about
// none once the whole placement is healthy.
func (p *deliveryPass) rollouts(ctx context.Context) error {
	if p.options.Reporter == nil {
		return nil
	}
	waits := false
	for _, o := range p.objects {
		if p.mem.rolled[o.ID] || len(p.sealedReads(o)) == 0 {
			continue
		}
		if _, gone := p.gone(o.ID); gone {
			continue
		}
		if !p.mem.healthy {
			health, err := p.hands.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
			if err != nil {
				return applyFailed(err)
			}
			if !health.Current() {
				waits = true
				continue
			}
		}
		p.mem.rollsOut(o.ID)
	}
	if waits && p.now().Sub(p.mem.since) <= p.timeout() {
		p.later(unhealthyPoll)
	}
	return nil
}

// sealedReads are the sealed Secrets of this placement that an object names.
func (p *deliveryPass) sealedReads(o apply.Object) []ObjectID {
	var reads []ObjectID
	for _, ref := range o.Reads {
		id := apply.IDOf(ref, o.ID.Namespace)
		if secret, ok := p.desired[id]; ok && secret.Sealed() {
			reads = append(reads, id)
		}
	}
	return reads
}

// report tells the reporter what stands after a pass.
func (p *deliveryPass) report(ctx context.Context) {
	reporter := p.options.Reporter
	if reporter == nil || p.snapshot == nil {
		return
	}
	defer reporter.Book.Wake()                                  // the conditions may say something else
	if p.inv == nil || p.placed != nil && p.placed.Err != nil { // nothing new is known: the status has it
		inv, err := p.readInventory(ctx)
		if err != nil {
			return
		}
		said, known := reporter.Book.Said(p.obj.Name)
		if !known {
			said = p.standing(inv, nil)
		}
		stand, gone := p.presence(ctx, inv, said)
		reporter.Book.Stands(p.obj.Name, stand)
		reporter.Book.Lost(gone)
		return
	}
	users := map[ObjectID][]string{}
	for _, o := range p.objects {
		if p.mem.rolled[o.ID] {
			for _, id := range p.sealedReads(o) {
				users[id] = append(users[id], o.ID.Kind+"/"+o.ID.Name)
			}
		}
	}
	stand, gone := p.presence(ctx, p.inv, p.standing(p.inv, users))
	reporter.Book.Stands(p.obj.Name, stand)
	reporter.Book.Lost(gone)
}

// standing are the sealed objects of an inventory. An object whose locks alone
// changed is as good as made from the stub that Git has now.
func (p *deliveryPass) standing(inv inventory.Inventory, users map[ObjectID][]string) []*keyservicev1.SecretReport {
	reports := []*keyservicev1.SecretReport{}
	for id, entry := range inv {
		if entry.Content == "" {
			continue
		}
		digest := entry.Stub
		if o, ok := p.desired[id]; ok && o.Content == entry.Content {
			digest = o.StubDigest()
		}
		reports = append(reports, report.NewSecret(p.obj.Name, id, digest, users[id]))
	}
	return report.Sorted(reports)
}

// reportAbsent says that a sealed object is confirmed absent.
func (p *deliveryPass) reportAbsent(id ObjectID) {
	p.reportLost(id, p.inv[id])
}

// reportLost says so of an object as the inventory had it.
func (p *deliveryPass) reportLost(id ObjectID, entry v1alpha1.InventoryEntry) {
	if p.options.Reporter == nil || entry.Content == "" {
		return
	}
	p.options.Reporter.Book.Absent(report.NewSecret(p.obj.Name, id, entry.Stub, nil))
}

// rollsOut remembers that a workload rolled out since it was applied last.
func (m *memory) rollsOut(id ObjectID) {
	if m.rolled == nil {
		m.rolled = map[ObjectID]bool{}
	}
	m.rolled[id] = true
}
