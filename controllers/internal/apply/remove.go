package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// Fate is what became of an object that is to go.
type Fate struct {
	// Gone: confirmed absent by reading, or not ours to delete; either way it
	// leaves the inventory. Kept says why it was left alone, "" when absent.
	Gone bool
	Kept string
	// Unproved: its making was cut short, and its own Delivery alone can tell that the
	// object is ours. See [Puts.Vouch].
	Unproved bool
	// Deleting is since when the API server is deleting it, and Finalizers are what
	// it waits for, the garbage collector's aside.
	Deleting   time.Time
	Finalizers []string
}

// HeldBy says what keeps an object that is being deleted; "" when nothing does
// that a person could look after.
func (f Fate) HeldBy() string {
	if len(f.Finalizers) == 0 {
		return ""
	}
	return fmt.Sprintf(" (deleted %s, held by its finalizer %q)", f.Deleting.UTC().Format(time.RFC3339),
		strings.Join(f.Finalizers, ", "))
}

// Look reads what became of an object without deleting it.
func (r *Deletes) Look(ctx context.Context, id ID, entry v1alpha1.InventoryEntry) (Fate, error) {
	fate, _, err := r.look(ctx, id, entry)
	return fate, err
}

// Remove deletes an object of ours, and reads it again. The delete carries the
// uid and the resource version of the object whose owner was checked; if it
// changed meanwhile the check is made again, so that an object which another
// placement has just taken over is never lost.
func (r *Deletes) Remove(ctx context.Context, id ID, entry v1alpha1.InventoryEntry) (Fate, error) {
	const tries = 3
	for try := 0; ; try++ {
		fate, live, err := r.look(ctx, id, entry)
		if err != nil || fate.Gone || !fate.Deleting.IsZero() {
			return fate, err
		}
		err = remove(ctx, r.writer, live, propagation(id))
		switch {
		case apierrors.IsConflict(err) && try+1 < tries:
			continue
		case err != nil && !apierrors.IsNotFound(err):
			return fate, explainRemoval(id, entry, "delete", err)
		}
		return r.Look(ctx, id, entry)
	}
}

func (r *Deletes) look(ctx context.Context, id ID, entry v1alpha1.InventoryEntry) (Fate,
	*metav1.PartialObjectMetadata, error) {
	gvk := inventory.GVK(id, entry)
	var scope *ScopeError
	if errors.As(r.live.kinds.checkScope(id, gvk), &scope) {
		// No such object can be: a read would find another one of that name.
		return Fate{Gone: true}, nil, nil
	}
	live, err := r.live.metadata(ctx, id, gvk)
	if err != nil {
		return Fate{}, nil, explainRemoval(id, entry, "read", err)
	}
	if live == nil {
		return Fate{Gone: true}, nil, nil
	}
	fate := Fate{Unproved: r.claims.born(id, live)}
	switch {
	case !r.claims.keeps(id, live, entry):
		fate.Gone, fate.Kept = true, "nothing proves that it is this placement's"
	case entry.Prune == "disabled":
		fate.Gone, fate.Kept = true, "Git says "+v1alpha1.PruneAnnotation+": disabled, or Flux's prune: disabled, of it"
	case live.DeletionTimestamp != nil:
		fate.Deleting = live.DeletionTimestamp.Time
		fate.Finalizers = slices.DeleteFunc(slices.Clone(live.Finalizers), func(name string) bool {
			return name == metav1.FinalizerDeleteDependents || name == metav1.FinalizerOrphanDependents
		})
	}
	return fate, live, nil
}

// delete carries what was checked.
func remove(ctx context.Context, writer client.Client, live *metav1.PartialObjectMetadata, how metav1.DeletionPropagation) error {
	// The answer may hold the whole object, and client-go logs bodies.
	ctx = logr.NewContext(ctx, logr.Discard())
	return writer.Delete(ctx, refOf(live), preconditions(live), client.PropagationPolicy(how))
}

func preconditions(live *metav1.PartialObjectMetadata) client.Preconditions {
	uid, version := live.UID, live.ResourceVersion
	return client.Preconditions{UID: &uid, ResourceVersion: &version}
}

// propagation is foreground for what runs something: the object then stays
// until its pods are gone, which is what its secrets wait for.
func propagation(id ID) metav1.DeletionPropagation {
	if RemovalStage(id) == RemoveWorkloads {
		return metav1.DeletePropagationForeground
	}
	return metav1.DeletePropagationBackground
}
