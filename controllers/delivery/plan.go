package delivery

import (
	"context"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
)

// change is an object to send, and why.
type change struct {
	object apply.Object
	// revert is set when Git did not change: somebody else did.
	revert bool
	// deed is what somebody did.
	deed drift.Deed
}

// plan compares the objects in scope with the inventory and with what lives. It
// asks for no value: a plain object is compared by the hash of what Git has, a
// sealed one by its content digest, and what lives by version first. An object
// that cannot be compared fails alone.
func (p *deliveryPass) plan(ctx context.Context, objects []apply.Object, full bool) []change {
	var changes []change
	for _, o := range objects {
		if !full && !p.dirty[o.ID] {
			continue
		}
		c, err := p.changed(ctx, o)
		if err != nil {
			p.fail(o, err)
		}
		if c != nil {
			changes = append(changes, *c)
		}
	}
	return changes
}

// changed gives what is to be sent of an object, nil for nothing.
func (p *deliveryPass) changed(ctx context.Context, o apply.Object) (*change, error) {
	entry, known := p.inv[o.ID]
	if ran, err := p.ran(ctx, o, entry); ran || err != nil {
		return nil, err
	}
	if !known || entry.Applied != o.Hash || entry.Content != o.Content || o.Sealed() && entry.MAC == "" || p.unproved(ctx, o, entry) {
		return &change{object: o}, nil
	}
	deed, err := p.drifted(ctx, o, entry)
	if err != nil {
		return nil, err
	}
	if deed != nil {
		if p.putsOff(o.ID, *deed) {
			return nil, nil
		}
		return &change{object: o, revert: true, deed: *deed}, nil
	}
	// The locks alone changed: the same values, authorised by other bytes. And what
	// was applied before the inventory had it says now whether it may go.
	if entry = p.inv[o.ID]; entry.Stub != o.StubDigest() || entry.Prune != o.Prune() {
		entry.Stub, entry.Prune = o.StubDigest(), o.Prune()
		p.inv[o.ID] = entry
	}
	return nil, nil
}

// unproved: the object was applied before there were proofs of ownership. It gets
// one now, and nobody is blamed for it.
func (p *deliveryPass) unproved(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) bool {
	live, known := p.watcher.Get(ctx, o.Manifest.GroupVersionKind(), o.ID)
	return known && live != nil && string(live.UID) == entry.UID && !p.dirty[o.ID] &&
		live.Annotations[v1alpha1.OwnerAnnotation] == ""
}

// drifted looks at one object that Git did not change, and says what somebody
// did to it. What the watch holds answers without a request in all but the rare
// case.
func (p *deliveryPass) drifted(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry,
) (*drift.Deed, error) {
	if p.undisturbed(ctx, o, entry) {
		return nil, nil
	}
	verdict, seen, err := p.hands.Inspect(ctx, o, entry)
	if err != nil {
		return nil, err
	}
	if verdict != apply.Same {
		return &drift.Deed{Deleted: verdict == apply.Missing, By: seen.By}, nil
	}
	p.mem.right(o.ID, version{seen.ResourceVersion, seen.Generation})
	return nil, nil
}

// undisturbed: the live object has a version that is known to be right; or a
// kind with a generation has the same generation and our metadata, so that only
// its status moved.
func (p *deliveryPass) undisturbed(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) bool {
	live, known := p.watcher.Get(ctx, o.Manifest.GroupVersionKind(), o.ID)
	if !known || live == nil || string(live.UID) != entry.UID || apply.ByHand(live.ManagedFields) || !p.hands.Proven(o.ID, live) {
		return false
	}
	right, ok := p.mem.version(o.ID)
	if !ok {
		return false
	}
	if live.ResourceVersion == right.resourceVersion {
		return true
	}
	if live.Generation == 0 || live.Generation != right.generation ||
		!apply.MetadataStands(o, live.Labels, live.Annotations) {
		return false
	}
	p.mem.right(o.ID, version{live.ResourceVersion, live.Generation})
	return true
}

// mark keeps an object dirty for a later pass.
func (p *deliveryPass) mark(id ObjectID) {
	p.mem.mu.Lock()
	defer p.mem.mu.Unlock()
	if p.mem.dirty == nil {
		p.mem.dirty = map[ObjectID]bool{}
	}
	p.mem.dirty[id] = true
}

// later asks for another pass within d.
func (p *deliveryPass) later(d time.Duration) {
	if p.again == 0 || d < p.again {
		p.again = d
	}
}
