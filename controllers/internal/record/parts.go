package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/controllers/parts"
)

// Inventory gives what the status holds, or names.
func (r *Record) Inventory(ctx context.Context) (inventory.Inventory, error) {
	status := r.Obj.Status
	entries := slices.Clone(status.Inventory)
	for _, digest := range status.InventoryParts {
		secret := &corev1.Secret{}
		key := client.ObjectKey{Namespace: r.Obj.Namespace, Name: parts.SecretName(r.Obj.Name, digest)}
		if err := r.desk.Reader.Get(mask.Silent(ctx), key, secret); err != nil {
			return nil, fmt.Errorf("read inventory part %q: %w", key.Name, err)
		}
		part, err := parts.Unpack(parts.Part{Digest: digest, Data: secret.Data[parts.Key]})
		if err != nil {
			return nil, err
		}
		entries = append(entries, part...)
	}
	return inventory.Read(entries), nil
}

// Keep puts the inventory into the status, or its parts' digests. Save writes both.
func (r *Record) Keep(inv inventory.Inventory) error {
	inline, packed, err := inv.Split(cmp.Or(r.desk.Inline, inventory.MaxInline))
	if err != nil {
		return err
	}
	r.Obj.Status.Inventory, r.Obj.Status.InventoryParts, r.parts = inline, nil, packed
	for _, part := range packed {
		r.Obj.Status.InventoryParts = append(r.Obj.Status.InventoryParts, part.Digest)
	}
	return nil
}

// KeepNothing takes the inventory out of the status.
func (r *Record) KeepNothing() {
	r.Obj.Status.Inventory, r.Obj.Status.InventoryParts, r.parts = nil, nil, nil
}

// saveParts makes the parts before a status names them. A part's name is of its
// content, so that there is nothing to overwrite.
func (r *Record) saveParts(ctx context.Context) error {
	for _, part := range r.parts {
		if slices.Contains(r.saved.Status.InventoryParts, part.Digest) {
			continue
		}
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: r.Obj.Namespace, Name: parts.SecretName(r.Obj.Name, part.Digest),
				Labels: map[string]string{own.ManagedByLabel: own.ManagedBy, own.InventoryLabel: r.Obj.Name},
			},
			Type: corev1.SecretTypeOpaque, Data: map[string][]byte{parts.Key: part.Data},
		}
		if err := r.desk.Client.Create(mask.Silent(ctx), secret); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("write inventory part %q: %w", secret.Name, mask.Error(err))
		}
	}
	return nil
}

// dropParts deletes the parts that a saved status no longer names. What it does
// not get to is dropped after a later save.
func (r *Record) dropParts(ctx context.Context, before []string) error {
	named := r.saved.Status.InventoryParts
	if len(before) == 0 || slices.Equal(before, named) {
		return nil
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	if err := r.desk.Reader.List(ctx, list, client.InNamespace(r.Obj.Namespace),
		client.MatchingLabels{own.InventoryLabel: r.Obj.Name}); err != nil {
		return fmt.Errorf("list inventory parts: %w", err)
	}
	for _, item := range list.Items {
		if slices.ContainsFunc(named, func(digest string) bool { return parts.SecretName(r.Obj.Name, digest) == item.Name }) {
			continue
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: item.Namespace, Name: item.Name}}
		err := r.desk.Client.Delete(ctx, secret, client.Preconditions{UID: &item.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("drop inventory part %q: %w", item.Name, mask.Error(err))
		}
	}
	return nil
}
