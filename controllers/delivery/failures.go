package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

// maxNamed is how many objects a condition names; the rest is counted.
const maxNamed = 5

// failures are what one pass could not do. A failure of one object keeps only
// what needs that object.
type failures struct {
	of map[ObjectID]error
	// waits are objects that need one that failed, or that waits itself.
	waits map[ObjectID]bool
	// unlike are those of the above that do not stand as Git says.
	unlike map[ObjectID]bool
	order  []ObjectID
}

func newFailures() *failures {
	return &failures{of: map[ObjectID]error{}, waits: map[ObjectID]bool{}, unlike: map[ObjectID]bool{}}
}

func (f *failures) any() bool { return len(f.order) > 0 }

func (f *failures) has(id ObjectID) bool { return f.of[id] != nil }

// add notes that an object could not be compared, applied or established. entry is
// what the inventory has of it.
func (f *failures) add(o apply.Object, entry v1alpha1.InventoryEntry, err error) {
	if !f.has(o.ID) {
		f.order = append(f.order, o.ID)
	}
	f.of[o.ID] = errors.Join(f.of[o.ID], err)
	var conflict *apply.ConflictError
	if entry.UID == "" || entry.Applied != o.Hash || errors.As(err, &conflict) {
		f.unlike[o.ID] = true
	}
}

// blocks notes that an object waits for what it needs, and reports whether it does.
func (f *failures) blocks(id ObjectID, needs []ObjectID) bool {
	if !slices.ContainsFunc(needs, func(need ObjectID) bool { return f.unlike[need] }) {
		return false
	}
	f.waits[id], f.unlike[id] = true, true
	return true
}

// end words what the pass could not do; nil when it could do everything.
func (f *failures) end(revision string) error {
	if !f.any() {
		return nil
	}
	var errs []error
	var texts []string
	lost := false
	for i, id := range f.order {
		errs = append(errs, f.of[id])
		var conflict *apply.ConflictError
		lost = lost || errors.As(f.of[id], &conflict) && conflict.Labelled
		if i < maxNamed {
			texts = append(texts, strings.ReplaceAll(f.of[id].Error(), "\n", "; "))
		}
	}
	if more := len(f.order) - maxNamed; more > 0 {
		texts = append(texts, fmt.Sprintf("and %s more", plural.Of(more, "object")))
	}
	if len(f.waits) > 0 {
		texts = append(texts, f.waiting())
	}
	if lost {
		texts = append(texts, fmt.Sprintf("if this cluster's keys were made anew, the annotation %s=%s on the Delivery "+
			"takes back what carries its labels", v1alpha1.TakeOverAnnotation, revision))
	}
	err := applyFailed(errors.Join(errs...))
	var ended *loop.Error
	if errors.As(err, &ended) {
		ended.Message = strings.Join(texts, "; ")
	}
	return err
}

func (f *failures) waiting() string {
	var names []string
	for id := range f.waits {
		names = append(names, inventory.Describe(id))
	}
	slices.Sort(names)
	return say.List(names) + " wait for that"
}

// applyFailed gives errors of an apply their reason: a foreign object is a
// conflict, not a failure.
func applyFailed(err error) error {
	var known *loop.Error
	if errors.As(err, &known) {
		return err
	}
	reason := v1alpha1.ApplyFailedReason
	var conflict *apply.ConflictError
	if errors.As(err, &conflict) {
		reason = v1alpha1.ConflictReason
	}
	return loop.Failed(loop.Retry, reason, err)
}
