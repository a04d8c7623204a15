package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// Apply makes o so. The entry that it gives is what stands, with an error too:
// it is always to be kept. With an object that it may not touch it gives a
// [ConflictError] and writes nothing. Errors about sealed objects are masked.
func (c *Client) Apply(ctx context.Context, o Object, entry v1alpha1.InventoryEntry, values map[string]string) (v1alpha1.InventoryEntry, error) {
	ctx = silent(ctx, o)
	gvk := o.Manifest.GroupVersionKind()
	if err := c.checkScope(o.ID, gvk); err != nil {
		return entry, c.explain(o, "apply", err)
	}
	live, err := c.metadata(ctx, o.ID, gvk)
	if err != nil {
		return entry, c.explain(o, "read", err)
	}
	if live != nil && !c.owns(o.ID, live, entry) {
		if !o.takesOver() {
			return entry, &ConflictError{ID: o.ID, Labelled: c.labelled(live)}
		}
		entry.TakenOver = true
	}
	if live != nil {
		if live, err = c.takeBack(ctx, o, live, entry.TakenOver); err != nil {
			return entry, c.explain(o, "take over fields of", err)
		}
	}
	next, err := c.send(ctx, o, values, live)
	switch {
	case live == nil && apierrors.IsConflict(err):
		return entry, &ConflictError{ID: o.ID}
	case live != nil && apierrors.IsInvalid(err):
		return c.replace(ctx, o, entry, values, live, err)
	case err != nil:
		return entry, c.explain(o, "apply", err)
	}
	return c.settle(ctx, o, entry, next, values, live)
}

// settle ends an apply that went through. An object that was just made gets its
// proof now: it carries the uid, which nobody knew before.
func (c *Client) settle(ctx context.Context, o Object, entry, next v1alpha1.InventoryEntry, values map[string]string, live *metav1.PartialObjectMetadata) (v1alpha1.InventoryEntry, error) {
	next.TakenOver = entry.TakenOver
	next.Run = o.run(entry)
	if live != nil {
		return next, nil
	}
	made := &metav1.PartialObjectMetadata{}
	made.UID = types.UID(next.UID)
	proved, err := c.send(ctx, o, values, made)
	if err != nil {
		return next, c.explain(o, "prove the owner of", err)
	}
	proved.TakenOver, proved.Run = next.TakenOver, next.Run
	return proved, nil
}

// send applies o with the proof of whose it is, and gives what stands then. live
// is nil for an object to be made: then nothing is taken from other field
// managers, so that an object that somebody made since the look is a conflict.
func (c *Client) send(ctx context.Context, o Object, values map[string]string, live *metav1.PartialObjectMetadata) (v1alpha1.InventoryEntry, error) {
	options := []client.ApplyOption{client.FieldOwner(FieldManager)}
	if live != nil {
		options = append(options, client.ForceOwnership)
	}
	if o.Sealed() {
		return c.sendSecret(ctx, o, values, live, options)
	}
	sent := o.Manifest.DeepCopy()
	if err := annotate(sent, v1alpha1.OwnerAnnotation, c.proof(o.ID, live)); err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	if err := c.Writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(sent), options...); err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	return v1alpha1.InventoryEntry{
		ID: inventory.Format(o.ID), Version: o.Manifest.GroupVersionKind().Version,
		UID: string(sent.GetUID()), Applied: o.Hash,
		Generation: sent.GetGeneration(), ResourceVersion: sent.GetResourceVersion(), Prune: o.Prune(),
	}, nil
}

func (c *Client) sendSecret(ctx context.Context, o Object, values map[string]string, live *metav1.PartialObjectMetadata, options []client.ApplyOption) (v1alpha1.InventoryEntry, error) {
	secret, err := BuildSecret(o, values)
	if err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	secret.WithAnnotations(map[string]string{v1alpha1.OwnerAnnotation: c.proof(o.ID, live)})
	if err := c.Writer.Apply(ctx, secret, options...); err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	entry := v1alpha1.InventoryEntry{
		ID: inventory.Format(o.ID), Version: "v1", UID: string(*secret.UID),
		Applied: o.Hash, ResourceVersion: *secret.ResourceVersion,
		Stub: o.StubDigest(), Content: o.Content, Prune: o.Prune(),
	}
	// What others put beside the sealed values has no business there: who reads
	// the Secret takes all of it for reviewed.
	if added := o.added(secret.Data); len(added) > 0 {
		if entry.ResourceVersion, err = c.dropKeys(ctx, o.ID, entry, added); err != nil {
			return v1alpha1.InventoryEntry{}, err
		}
	}
	entry.MAC = c.mac(o, entry.UID, secretType(secret), secret.Data)
	return entry, nil
}
