package apply

import (
	"context"
	"encoding/json"

	"github.com/go-logr/logr"
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
func (p *Puts) Apply(ctx context.Context, o Object, entry v1alpha1.InventoryEntry,
	values map[string]string) (v1alpha1.InventoryEntry, error) {
	next, made, err := p.Put(ctx, o, entry, values)
	if err != nil || !made {
		return next, err
	}
	return p.Prove(ctx, o, next, values)
}

// Put is the first half of [Puts.Apply]. An object that was just made carries a
// proof that names its Delivery, because nobody knew its uid before: made asks
// for [Puts.Prove]. What ran and is gone is not made again: whoever looked
// before may have seen it stand still, in a watch that was behind.
func (p *Puts) Put(ctx context.Context, o Object, entry v1alpha1.InventoryEntry,
	values map[string]string) (next v1alpha1.InventoryEntry, made bool, err error) {
	ctx = silent(ctx, o)
	gvk := o.Manifest.GroupVersionKind()
	if err := p.live.kinds.checkScope(o.ID, gvk); err != nil {
		return entry, false, explain(o, "apply", err)
	}
	live, err := p.live.metadata(ctx, o.ID, gvk)
	if err != nil {
		return entry, false, explain(o, "read", err)
	}
	if live == nil && o.Ran(entry) {
		return o.Gone(entry), false, nil
	}
	if live != nil && !p.claims.owns(o.ID, live, entry) {
		if !o.takesOver() {
			return entry, false, &ConflictError{ID: o.ID, Labelled: p.claims.labelled(live)}
		}
		entry.TakenOver = true
	}
	if live != nil {
		if live, err = p.takeBack(ctx, o, live, entry.TakenOver); err != nil {
			return entry, false, explain(o, "take over fields of", err)
		}
	}
	next, err = p.send(ctx, o, values, p.on(o, live))
	switch {
	case live == nil && apierrors.IsConflict(err):
		return entry, false, &ConflictError{ID: o.ID}
	case live != nil && apierrors.IsInvalid(err):
		return p.replace(ctx, o, entry, values, live, err)
	case err != nil:
		return entry, false, explain(o, "apply", err)
	}
	return o.keeping(entry, next), live == nil, nil
}

// Prove ends the making of an object: its proof then names the uid, and is of no
// use on another object. It fails if the object is another by now.
func (p *Puts) Prove(ctx context.Context, o Object, entry v1alpha1.InventoryEntry,
	values map[string]string) (v1alpha1.InventoryEntry, error) {
	proved, err := p.send(silent(ctx, o), o, values, terms{uid: types.UID(entry.UID)})
	if err != nil {
		return entry, explain(o, "prove the owner of", err)
	}
	return o.keeping(entry, proved), nil
}

// Vouch ends the proof of an object that its Delivery lets go: another placement may take
// it over, now or later. One that was made and not yet proved carries a proof that its own
// Delivery alone can read: to any other it is somebody else's, for ever.
func (p *Puts) Vouch(ctx context.Context, id ID, entry v1alpha1.InventoryEntry) error {
	live, err := p.live.metadata(ctx, id, inventory.GVK(id, entry))
	if err != nil {
		return explainRemoval(id, entry, "read", err)
	}
	if live == nil || !p.claims.born(id, live) {
		return nil
	}
	raw, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": live.UID, "resourceVersion": live.ResourceVersion,
		"annotations": map[string]any{v1alpha1.OwnerAnnotation: p.claims.proof(id, live.UID)},
	}})
	if err != nil {
		return err
	}
	// The answer may hold the whole object, and client-go logs bodies.
	ctx = logr.NewContext(ctx, logr.Discard())
	patch := client.RawPatch(types.MergePatchType, raw)
	if err := p.writer.Patch(ctx, refOf(live), patch, client.FieldOwner(FieldManager)); err != nil {
		return explainRemoval(id, entry, "prove the owner of", err)
	}
	return nil
}

// keeping is the entry of an apply with what the one before it remembers. An object on its
// way out counts as applied where it was so before alone: it is gone soon, and what comes
// in its place is something new, that may have to wait for its time.
func (o Object) keeping(before, next v1alpha1.InventoryEntry) v1alpha1.InventoryEntry {
	next.TakenOver, next.Run, next.RunsFor = before.TakenOver, o.run(before), before.RunsFor
	if next.Applied == "" {
		next.Run = before.Run
		if before.Applied == o.Hash && before.UID == next.UID {
			next.Applied = o.Hash
		}
	}
	return next
}

// applied is the hash that an apply leaves in the inventory: none for an object that it
// met on its way out.
func (o Object) applied(deletion *metav1.Time) string {
	if deletion != nil {
		return ""
	}
	return o.Hash
}

// on are the terms after a look: the very object that was seen, nil for none. What came
// between the look and the apply is nobody's to be merged into.
func (p *Puts) on(o Object, live *metav1.PartialObjectMetadata) terms {
	if live == nil {
		return p.absent(o)
	}
	return terms{uid: live.UID}
}

// send applies o with the proof of whose it is, on terms, and gives what stands then.
func (p *Puts) send(ctx context.Context, o Object, values map[string]string, t terms) (
	v1alpha1.InventoryEntry, error) {
	options := []client.ApplyOption{client.FieldOwner(FieldManager)}
	if t.uid != "" {
		options = append(options, client.ForceOwnership)
	}
	if o.Sealed() {
		return p.sendSecret(ctx, o, values, t, options)
	}
	sent := o.Manifest.DeepCopy()
	if err := annotate(sent, v1alpha1.OwnerAnnotation, p.claims.proof(o.ID, t.uid)); err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	t.bind(sent)
	if err := p.writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(sent), options...); err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	return v1alpha1.InventoryEntry{
		ID: inventory.Format(o.ID), Version: o.Manifest.GroupVersionKind().Version,
		UID: string(sent.GetUID()), Applied: o.applied(sent.GetDeletionTimestamp()),
		Generation: sent.GetGeneration(), ResourceVersion: sent.GetResourceVersion(), Prune: o.Prune(),
	}, nil
}

func (p *Puts) sendSecret(ctx context.Context, o Object, values map[string]string,
	t terms, options []client.ApplyOption) (v1alpha1.InventoryEntry, error) {
	secret, err := BuildSecret(o, values)
	if err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	secret.WithAnnotations(map[string]string{v1alpha1.OwnerAnnotation: p.claims.proof(o.ID, t.uid)})
	t.bindSecret(secret)
	if err := p.writer.Apply(ctx, secret, options...); err != nil {
		return v1alpha1.InventoryEntry{}, err
	}
	entry := v1alpha1.InventoryEntry{
		ID: inventory.Format(o.ID), Version: "v1", UID: string(*secret.UID),
		Applied: o.applied(secret.DeletionTimestamp), ResourceVersion: *secret.ResourceVersion,
		Stub: o.StubDigest(), Content: o.Content, Prune: o.Prune(),
	}
	// What others put beside the sealed values has no business there: who reads
	// the Secret takes all of it for reviewed.
	if added := o.added(secret.Data); len(added) > 0 {
		if entry.ResourceVersion, err = p.dropKeys(ctx, o.ID, entry, added); err != nil {
			return v1alpha1.InventoryEntry{}, err
		}
	}
	entry.MAC = p.claims.mac(o, entry.UID, secretType(secret), secret.Data)
	return entry, nil
}
