package delivery

import (
	"context"
	"slices"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// ran reports whether an object ran to its end and is gone: nothing of it is to
// be sent, though it does not stand. An object that ends by itself runs once for
// each spec in Git.
func (p *deliveryPass) ran(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) (bool, error) {
	if !o.Ran(entry) {
		return false, nil
	}
	live, known := p.watcher.Get(ctx, o.Manifest.GroupVersionKind(), o.ID)
	if known && live != nil && string(live.UID) == entry.UID {
		return false, nil
	}
	gone := known && entry.Run != nil && entry.Run.Gone
	if !gone {
		stands, err := p.hands.Stands(ctx, o)
		if err != nil || stands {
			return false, err
		}
	}
	p.inv[o.ID] = o.Gone(entry)
	return true, nil
}

// runs looks how the objects that end by themselves fare, while they stand: once
// one is gone, nobody can tell.
func (p *deliveryPass) runs(ctx context.Context) error {
	for _, o := range p.objects {
		entry := p.inv[o.ID]
		if !o.Ends() || entry.UID == "" || entry.Run != nil && entry.Run.Ended != "" {
			continue
		}
		ended, err := p.hands.Ended(ctx, o)
		if err != nil {
			return applyFailed(err)
		}
		if ended == "" {
			p.running = true
			continue
		}
		entry.Run = &v1alpha1.InventoryRun{Spec: o.Spec, Ended: ended}
		p.inv[o.ID] = entry
	}
	return nil
}

// gone reports whether an object ran and does not stand, and how it ended.
func (p *deliveryPass) gone(id ObjectID) (ended string, ok bool) {
	run := p.inv[id].Run
	if run == nil || !run.Gone {
		return "", false
	}
	return run.Ended, true
}

// standingNow counts the objects of the inventory that are not known to be gone, and
// says which of the others ran.
func (p *deliveryPass) standingNow() (count int, ran []string) {
	for id := range p.inv {
		if _, gone := p.gone(id); gone {
			ran = append(ran, inventory.Describe(id))
			continue
		}
		count++
	}
	slices.Sort(ran)
	return count, ran
}

// takenOver names, sorted, the objects that lived before bulla had them.
func (p *deliveryPass) takenOver() []string {
	var names []string
	for id, entry := range p.inv {
		if entry.TakenOver {
			names = append(names, inventory.Describe(id))
		}
	}
	slices.Sort(names)
	return names
}
