package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/internal/say"
)

const (
	// InventorySecretPrefix starts the names of the Secrets that hold what is too
	// large for a Delivery's status: bulla-inventory-DELIVERY.DIGEST. They hold no
	// value, and are Secrets because an inventory's HMACs are nobody's business.
	InventorySecretPrefix = "bulla-inventory-"
	partKey               = "entries"
)

func partName(delivery, digest string) string {
	return InventorySecretPrefix + delivery + "." + digest
}

// readInventory gives what a status holds, or names.
func (p *deliveryPass) readInventory(ctx context.Context) (inventory.Inventory, error) {
	status := p.obj.Status
	entries := slices.Clone(status.Inventory)
	for _, digest := range status.InventoryParts {
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: p.obj.Namespace, Name: partName(p.obj.Name, digest)}
		if err := p.reader.Get(mask.Silent(ctx), key, secret); err != nil {
			return nil, fmt.Errorf("read inventory part %q: %w", key.Name, err)
		}
		part, err := inventory.Unpack(inventory.Part{Digest: digest, Data: secret.Data[partKey]})
		if err != nil {
			return nil, err
		}
		entries = append(entries, part...)
	}
	return inventory.Read(entries), nil
}

// missing: a part is gone, or holds something else. An API server that does not
// answer is another thing.
func (p *deliveryPass) missing(err error) bool {
	return apierrors.IsNotFound(err) || errors.Is(err, inventory.ErrDamaged)
}

// setInventory writes the inventory into the status, or its parts' digests.
func (p *deliveryPass) setInventory() error {
	inline, parts, err := p.inv.Split()
	if err != nil {
		return err
	}
	p.obj.Status.Inventory, p.obj.Status.InventoryParts, p.parts = inline, nil, parts
	for _, part := range parts {
		p.obj.Status.InventoryParts = append(p.obj.Status.InventoryParts, part.Digest)
	}
	return nil
}

// saveParts makes the parts before a status names them. A part's name is of its
// content, so that there is nothing to overwrite.
func (p *deliveryPass) saveParts(ctx context.Context) error {
	for _, part := range p.parts {
		if slices.Contains(p.saved.Status.InventoryParts, part.Digest) {
			continue
		}
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: p.obj.Namespace, Name: partName(p.obj.Name, part.Digest),
				Labels: map[string]string{own.ManagedByLabel: own.ManagedBy, own.InventoryLabel: p.obj.Name},
			},
			Type: corev1.SecretTypeOpaque, Data: map[string][]byte{partKey: part.Data},
		}
		if err := p.client.Create(mask.Silent(ctx), secret); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("write inventory part %q: %w", secret.Name, mask.Error(err))
		}
	}
	return nil
}

// dropParts deletes the parts that a saved status no longer names. What it does
// not get to is dropped after a later save.
func (p *deliveryPass) dropParts(ctx context.Context, before []string) error {
	named := p.saved.Status.InventoryParts
	if len(before) == 0 || slices.Equal(before, named) {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := p.reader.List(ctx, list, client.InNamespace(p.obj.Namespace),
		client.MatchingLabels{own.InventoryLabel: p.obj.Name}); err != nil {
		return fmt.Errorf("list inventory parts: %w", err)
	}
	for _, item := range list.Items {
		if slices.ContainsFunc(named, func(digest string) bool { return partName(p.obj.Name, digest) == item.Name }) {
			continue
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: item.Namespace, Name: item.Name}}
		if err := p.client.Delete(ctx, secret, client.Preconditions{UID: &item.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("drop inventory part %q: %w", item.Name, mask.Error(err))
		}
	}
	return nil
}

// unsaved says that a status could not be written: in an event, and in a status
// that differs from the one which stands in its conditions alone.
func (p *deliveryPass) unsaved(ctx context.Context, err error) {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || ctx.Err() != nil {
		return // somebody else wrote, or it is gone: the next pass reads it anew
	}
	message := fmt.Sprintf("what this placement owns cannot be remembered, and nothing more is applied: %v; hint: split the placement if it is too large", say.Steady(err))
	p.warn(v1alpha1.StatusNotSavedReason, say.Short(message))
	p.obj.Status = *p.saved.Status.DeepCopy()
	p.parts = nil
	// Of this generation: a status of the one before counts as work in progress.
	p.obj.Status.ObservedGeneration = p.obj.Generation
	conditions.Delete(p.obj, meta.StalledCondition)
	conditions.MarkReconciling(p.obj, meta.ProgressingWithRetryReason, "%s", message)
	conditions.MarkFalse(p.obj, meta.ReadyCondition, v1alpha1.StatusNotSavedReason, "%s", message)
	_ = p.save(ctx) // the event says it, if the API server takes nothing at all
}
