package delivery

import (
	"context"
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
)

// release drops what the placement leaves behind from the inventory, and gives what is
// to be deleted all the same. A word about a whole placement keeps no sealed object:
// reverting revokes, and only the stub itself can say otherwise. What cannot be left behind
// yet is known still.
func (p *pruning) release(ctx context.Context, leaving []ObjectID) (deleted []ObjectID) {
	released := 0
	for _, id := range leaving {
		if !p.leavesBehind(id) {
			deleted = append(deleted, id)
			continue
		}
		if err := p.letsGo(ctx, id); err != nil {
			p.failed = append(p.failed, err)
			continue
		}
		released++
	}
	if released > 0 {
		p.record.Event("Released",
			fmt.Sprintf("%s: %s", droppedStay(released), stayWhy(p.record.Obj)))
	}
	return deleted
}

// letsGo drops an object from the inventory that lives on.
func (p *pruning) letsGo(ctx context.Context, id ObjectID) error {
	fate, err := p.hands.Deletes.Look(ctx, id, p.stand.inv[id])
	if err != nil {
		return err
	}
	if err := p.vouch(ctx, id, fate); err != nil {
		return err
	}
	p.stand.drop(id)
	return nil
}

// vouch proves an object whose making was cut short before its Delivery forgets it: a
// placement that has it next could not tell it from somebody else's.
func (p *pruning) vouch(ctx context.Context, id ObjectID, fate apply.Fate) error {
	if !fate.Unproved {
		return nil
	}
	return p.hands.Puts.Vouch(ctx, id, p.stand.inv[id])
}

// leavesBehind: an object that Git dropped stays, as nobody's.
func (p *pruning) leavesBehind(id ObjectID) bool {
	return leavesPlain(p.record.Obj) && !holdsValue(id, p.stand.inv[id])
}

// leavesPlain: plain objects that Git dropped stay.
func leavesPlain(d *v1alpha1.Delivery) bool {
	policy := d.Status.Policy
	if !d.Spec.Removed {
		return !policy.Prune
	}
	return api.DeletionPolicy(policy.DeletionPolicy).Orphans(policy.Prune)
}

func stayWhy(d *v1alpha1.Delivery) string {
	if d.Spec.Removed && d.Status.Policy.DeletionPolicy == string(api.DeletionOrphan) {
		return "the placement had deletionPolicy: Orphan"
	}
	return "the placement does not prune"
}

func holdsValue(id ObjectID, entry v1alpha1.InventoryEntry) bool {
	return apply.HoldsValue(id, entry.Content)
}
