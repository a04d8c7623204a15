package delivery

import (
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
)

// release drops what the placement leaves behind from the inventory, and gives what is
// to be deleted all the same. A word about a whole placement keeps no sealed object:
// reverting revokes, and only the stub itself can say otherwise.
func (p *pruning) release(leaving []ObjectID) (deleted []ObjectID) {
	for _, id := range leaving {
		if p.leavesBehind(id) {
			p.stand.drop(id)
			continue
		}
		deleted = append(deleted, id)
	}
	if released := len(leaving) - len(deleted); released > 0 {
		p.record.Event("Released",
			fmt.Sprintf("%d objects that Git dropped stay: %s", released, stayWhy(p.record.Obj)))
	}
	return deleted
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
