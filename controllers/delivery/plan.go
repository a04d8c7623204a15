package delivery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// change is an object to send, and why.
type change struct {
	object apply.Object
	// revert is set when Git did not change: somebody else did.
	revert bool
	// deed is what somebody did.
	deed drift.Deed
	// back: it was Git, which gave the object to another placement and back.
	back bool
}

// comparison finds what is to be sent. It asks for no value: a plain object is
// compared by the hash of what Git has, a sealed one by its content digest, and
// what lives by version first. An object that cannot be compared fails alone.
type comparison struct {
	stand    *stand
	hands    *apply.Hands
	watcher  *drift.Watcher
	failures *failures
	again    *loop.Again
	now      func() time.Time
	// dirty are objects that an event named.
	dirty map[ObjectID]bool
	// first: the process compares for the first time. What its watches list then is what
	// stood before it, and no event of that names a deed.
	first bool
	// putOff are objects that differ, and whose revert waits.
	putOff []drift.Contest
}

// of compares all of objects, or only the dirty ones, with the inventory and with
// what lives.
func (c *comparison) of(ctx context.Context, objects []apply.Object, full bool) []change {
	var changes []change
	for _, o := range objects {
		if !full && !c.dirty[o.ID] {
			continue
		}
		one, err := c.changed(ctx, o)
		if err != nil {
			c.failures.add(o, c.stand.inv[o.ID], err)
		}
		if one != nil {
			changes = append(changes, *one)
		}
	}
	return changes
}

// changed gives what is to be sent of an object, nil for nothing.
func (c *comparison) changed(ctx context.Context, o apply.Object) (*change, error) {
	entry, known := c.stand.inv[o.ID]
	if ran, err := c.ran(ctx, o, entry); ran || err != nil {
		return nil, err
	}
	if !known || !c.stand.was(o) || entry.Content != o.Content || o.Sealed() && entry.MAC == "" ||
		c.unproved(ctx, o, entry) {
		return &change{object: o}, nil
	}
	deed, err := c.drifted(ctx, o, entry)
	switch {
	case err != nil:
		return nil, err
	case deed == nil:
	case deed.Deleted && entry.Applied == "":
		return &change{object: o}, nil // it was on its way out, and now is gone
	case deed.Of != "" && c.stand.sight.Given(o.ID, c.first):
		return &change{object: o, revert: true, deed: *deed, back: true}, nil
	case c.putsOff(o.ID, *deed):
		return nil, nil
	default:
		return &change{object: o, revert: true, deed: *deed}, nil
	}
	// The locks alone changed: the same values, authorised by other bytes. And what
	// was applied before the inventory had it says now whether it may go.
	if entry = c.stand.inv[o.ID]; entry.Stub != o.StubDigest() || entry.Prune != o.Prune() {
		entry.Stub, entry.Prune = o.StubDigest(), o.Prune()
		c.stand.inv[o.ID] = entry
	}
	return nil, nil
}

// ran reports whether an object ran to its end and is gone: nothing of it is to
// be sent, though it does not stand. An object that ends by itself runs once for
// each spec in Git.
func (c *comparison) ran(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) (bool, error) {
	if !o.Ran(entry) {
		return false, nil
	}
	live, known := c.watcher.Get(ctx, o.Manifest.GroupVersionKind(), o.ID)
	if known && live != nil && string(live.UID) == entry.UID {
		return false, nil
	}
	gone := known && entry.Run != nil && entry.Run.Gone
	if !gone {
		stands, err := c.hands.Live.Stands(ctx, o)
		if err != nil || stands {
			return false, err
		}
	}
	c.stand.inv[o.ID] = o.Gone(entry)
	return true, nil
}

// unproved: the object was applied before there were proofs of ownership. It gets
// one now, and nobody is blamed for it.
func (c *comparison) unproved(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) bool {
	live, known := c.watcher.Get(ctx, o.Manifest.GroupVersionKind(), o.ID)
	return known && live != nil && string(live.UID) == entry.UID && (c.first || !c.dirty[o.ID]) &&
		live.Annotations[v1alpha1.OwnerAnnotation] == ""
}

// drifted looks at one object that Git did not change, and says what somebody
// did to it. What the watch holds answers without a request in all but the rare
// case.
func (c *comparison) drifted(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry,
) (*drift.Deed, error) {
	if c.undisturbed(ctx, o, entry) {
		return nil, nil
	}
	verdict, seen, err := c.hands.Inspector.Inspect(ctx, o, entry)
	if err != nil {
		return nil, err
	}
	if verdict != apply.Same {
		return &drift.Deed{Deleted: verdict == apply.Missing, By: seen.By, Of: seen.Of}, nil
	}
	if entry.Applied == "" && !seen.Terminating {
		c.stand.sight.Forget(o.ID) // it goes no more, as after a restored etcd: it is sent once again
		return nil, nil
	}
	c.stand.sight.Right(o.ID, drift.Version{ResourceVersion: seen.ResourceVersion, Generation: seen.Generation,
		Hash: o.Hash})
	return nil, nil
}

// undisturbed: the live object has a version that is known to be right; or a
// kind with a generation has the same generation and our metadata, so that only
// its status moved.
func (c *comparison) undisturbed(ctx context.Context, o apply.Object, entry v1alpha1.InventoryEntry) bool {
	live, known := c.watcher.Get(ctx, o.Manifest.GroupVersionKind(), o.ID)
	if !known || live == nil || string(live.UID) != entry.UID || apply.ByHand(live.ManagedFields) ||
		!c.hands.Claims.Proven(o.ID, live) || entry.Applied == "" && live.DeletionTimestamp == nil {
		return false
	}
	right, ok := c.stand.sight.RightOf(o.ID)
	if !ok {
		return false
	}
	if live.ResourceVersion == right.ResourceVersion {
		return true
	}
	if live.Generation == 0 || live.Generation != right.Generation ||
		!apply.MetadataStands(o, live.Labels, live.Annotations) {
		return false
	}
	c.stand.sight.Right(o.ID, drift.Version{ResourceVersion: live.ResourceVersion, Generation: live.Generation,
		Hash: o.Hash})
	return true
}

// putsOff puts an object's revert off while it is fought over.
func (c *comparison) putsOff(id ObjectID, deed drift.Deed) bool {
	wait := c.stand.fights.Wait(id, c.now())
	if wait <= 0 {
		return false
	}
	contest := c.stand.fights.Of(id)
	contest.Deed = deed
	c.putOff = append(c.putOff, contest)
	c.again.Within(wait)
	c.stand.sight.Mark(id)
	return true
}

// contested says that somebody else does not leave objects alone: while one
// differs and its revert is put off, and for a while after one was reverted more
// often than chance explains. What stands then may not stand a moment later, and
// Ready would be a lie.
func (c *comparison) contested(desired map[ObjectID]apply.Object) error {
	var texts []string
	seen := map[ObjectID]bool{}
	for _, contest := range c.putOff {
		seen[contest.ID] = true
		texts = append(texts, fmt.Sprintf("%s differs from Git: it was %s again after %s; the next is at %s",
			inventory.Describe(contest.ID), contest.Deed, plural.Of(contest.Count, "revert"),
			contest.Next.UTC().Format(time.RFC3339)))
	}
	for _, contest := range c.stand.fights.Going(c.now()) {
		if _, wanted := desired[contest.ID]; !wanted || seen[contest.ID] {
			continue
		}
		texts = append(texts, fmt.Sprintf("%s is undone again and again: %s and reverted %s; it stands for now",
			inventory.Describe(contest.ID), contest.Deed, plural.Of(contest.Count, "time")))
		c.again.Within(contest.Quiet.Sub(c.now()) + time.Second)
	}
	if len(texts) == 0 {
		return nil
	}
	if more := len(texts) - maxNamed; more > 0 {
		texts = append(texts[:maxNamed], fmt.Sprintf("and %s more", plural.Of(more, "object")))
	}
	return loop.Stalled(v1alpha1.ContestedReason, "%s", strings.Join(texts, "; "))
}
