package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/aim"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/record"
)

// Waiting for a namespace or a CRD that was just applied is the one wait inside
// a pass: it takes milliseconds, and nothing can go on without it.
const (
	establishTimeout = 10 * time.Second
	establishPoll    = 50 * time.Millisecond
)

// application sends changes, stage by stage. A failure of one object keeps only
// what needs that object.
type application struct {
	aim      *aim.Aim
	stand    *stand
	hands    *apply.Hands
	failures *failures
	record   *record.Record
	ledger   ledger
	now      func() time.Time
}

func (a *application) of(ctx context.Context, changes []change, values values) {
	objects := make([]apply.Object, 0, len(changes))
	by := map[ObjectID]change{}
	for _, c := range changes {
		objects = append(objects, c.object)
		by[c.object.ID] = c
	}
	for stage, objects := range apply.Stages(objects) {
		var made []apply.Object
		for alike := range apply.Alike(objects) {
			made = append(made, a.put(ctx, alike, by, values)...)
		}
		a.prove(ctx, made, values)
		if stage == apply.ApplyDefinitions {
			a.establish(ctx, objects)
		}
	}
}

// needs are what an object waits for: its namespace, the definition of its kind,
// and what its pods read. What only heals an object does not wait for what the
// pods read: they ran with it.
func (a *application) needs(c change) []ObjectID {
	id := c.object.ID
	needs := []ObjectID{{Kind: "Namespace", Name: id.Namespace}}
	needs = append(needs, a.aim.Definitions[schema.GroupKind{Group: id.Group, Kind: id.Kind}]...)
	if c.revert {
		return needs
	}
	for _, ref := range c.object.Reads {
		if !ref.Optional {
			needs = append(needs, ObjectID{Kind: ref.Kind, Namespace: id.Namespace, Name: ref.Name})
		}
	}
	return needs
}

// atOnce is how many objects of one Delivery are sent at once. It bounds what the
// API server has to hold for this controller; who comes first, its own priority and
// fairness says.
const atOnce = 8

// sent is what came of sending one object.
type sent struct {
	change
	before, entry v1alpha1.InventoryEntry
	made          bool
	err           error
}

// put sends objects of one kind side by side, since none of them needs another, and
// gives those that it made. What came of them is noted in their order.
func (a *application) put(ctx context.Context, alike []apply.Object, by map[ObjectID]change,
	values values) []apply.Object {
	var all []*sent
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, o := range alike {
		c := by[o.ID]
		if a.failures.blocks(o.ID, a.needs(c)) {
			continue
		}
		s := &sent{change: c, before: a.stand.inv[o.ID]}
		all = append(all, s)
		put := a.hands.Puts.Straight
		if c.revert { // the inventory is known to be wrong
			put = a.hands.Puts.Put
		}
		group.Go(func() error {
			s.entry, s.made, s.err = put(ctx, o, s.before, values[o.ID])
			return nil
		})
	}
	_ = group.Wait()
	var made []apply.Object
	for _, s := range all {
		if a.note(s) {
			made = append(made, s.object)
		}
	}
	return made
}

// note keeps what came of one object, and reports whether it was made.
func (a *application) note(s *sent) (made bool) {
	o, c, before, entry, err := s.object, s.change, s.before, s.entry, s.err
	a.stand.inv[o.ID] = entry
	if err != nil {
		a.notReplaced(o.ID, before, err)
		a.failures.add(o, entry, err)
		return false
	}
	if _, gone := a.stand.inv.Gone(o.ID); gone { // nobody's deed, and nothing was made
		return false
	}
	a.stand.sent(o.ID, entry, o.Hash)
	// What goes has the time that it began with. One that had rolled out has not with this.
	if entry.Applied != "" || before.Applied != "" || entry.UID != before.UID {
		a.stand.wrote(o.ID, a.now())
	}
	if entry.Applied == "" {
		a.stand.vigil.goes(o.ID)
	}
	if entry.TakenOver && !before.TakenOver {
		a.record.Event("TakenOver",
			inventory.Describe(o.ID)+" was somebody else's and is this placement's now, as Git says")
	}
	switch {
	case c.back:
		a.stand.sight.Took(o.ID)
		a.record.Event("TakenOver", fmt.Sprintf("%s was placement %q's and is this placement's now, as Git says",
			inventory.Describe(o.ID), c.deed.Of))
	case c.revert:
		a.stand.fights.Reverted(o.ID, c.deed, a.now())
		a.record.Event("DriftReverted", fmt.Sprintf("%s had been %s", inventory.Describe(o.ID), c.deed))
	}
	return s.made
}

// prove gives the objects that a stage made the proof that names their uid.
func (a *application) prove(ctx context.Context, made []apply.Object, values values) {
	entries, errs := make([]v1alpha1.InventoryEntry, len(made)), make([]error, len(made))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, o := range made {
		before := a.stand.inv[o.ID]
		group.Go(func() error {
			entries[i], errs[i] = a.hands.Puts.Prove(ctx, o, before, values[o.ID])
			return nil
		})
	}
	_ = group.Wait()
	for i, o := range made {
		a.stand.sent(o.ID, entries[i], o.Hash)
		if errs[i] != nil {
			a.failures.add(o, entries[i], errs[i])
		}
	}
}

// notReplaced follows what stands after a replacement that failed: the ledger
// must not name a Secret that is gone.
func (a *application) notReplaced(id ObjectID, before v1alpha1.InventoryEntry, err error) {
	var failed *apply.ReplaceError
	if !errors.As(err, &failed) || failed.Outcome == apply.Stands {
		return
	}
	a.stand.wrote(id, a.now())
	if failed.Outcome == apply.PutBack {
		a.stand.sent(id, a.stand.inv[id], before.Applied)
		return
	}
	a.stand.sight.Forget(id)
	a.ledger.lost(id, before)
}

// establish waits until namespaces are active and CRDs are served.
func (a *application) establish(ctx context.Context, objects []apply.Object) {
	for _, o := range objects {
		if a.failures.has(o.ID) {
			continue
		}
		err := wait.PollUntilContextTimeout(ctx, establishPoll, establishTimeout, true,
			func(ctx context.Context) (bool, error) {
				health, err := a.hands.Live.Health(ctx, o.ID, o.Manifest.GroupVersionKind())
				return health.Current(), err
			})
		if err != nil {
			a.failures.add(o, a.stand.inv[o.ID],
				fmt.Errorf("wait for %s to be established: %w", inventory.Describe(o.ID), err))
			a.failures.unlike[o.ID] = true
		}
	}
}
