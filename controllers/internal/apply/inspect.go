package apply

import (
	"context"

	"github.com/fluxcd/pkg/ssa"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
)

// Verdict is what a look at a live object found.
type Verdict int

// What [Inspector.Inspect] finds.
const (
	// Same: as applied; who else touched it touched nothing of ours.
	Same Verdict = iota
	// Drifted: ours, and changed.
	Drifted
	// Missing: it does not exist.
	Missing
)

// Seen is a live object when it was looked at.
type Seen struct {
	ResourceVersion string
	Generation      int64
	// By is the field manager that changed it last, beside us; "" when unknown.
	By string
	// Of is another placement that it is proved to belong to; "" for none.
	Of string
	// Terminating: it has a deletion timestamp.
	Terminating bool
}

func (i *Inspector) seen(id ID, live *metav1.PartialObjectMetadata) Seen {
	of := i.claims.ProvenFor(id, live)
	if of == i.claims.Owner.Placement {
		of = ""
	}
	return Seen{ResourceVersion: live.ResourceVersion, Generation: live.Generation,
		By: lastManager(live.ManagedFields), Of: of, Terminating: live.DeletionTimestamp != nil}
}

// Look reads an object that Git places; exists is false where it is absent.
func (i *Inspector) Look(ctx context.Context, id ID, entry v1alpha1.InventoryEntry) (seen Seen, exists bool,
	err error) {
	live, err := i.live.metadata(ctx, id, inventory.GVK(id, entry))
	if err != nil {
		return Seen{}, false, explainRemoval(id, entry, "read", err)
	}
	if live == nil {
		return Seen{}, false, nil
	}
	return i.seen(id, live), true, nil
}

// lastManager names who wrote last, beside us and beside who reports a status.
func lastManager(fields []metav1.ManagedFieldsEntry) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range fields {
		if entry.Manager == FieldManager || entry.Subresource == "status" {
			continue
		}
		if last.Manager == "" || entry.Time != nil && (last.Time == nil || !entry.Time.Before(last.Time)) {
			last = entry
		}
	}
	return last.Manager
}

// Inspect compares one live object with what was applied. It reads the object
// itself: a Secret's data are compared by HMAC, and of a plain object the API
// server is asked what an apply would change (a dry run).
func (i *Inspector) Inspect(ctx context.Context, o Object, entry v1alpha1.InventoryEntry) (Verdict, Seen, error) {
	if o.Sealed() {
		return i.inspectSecret(silent(ctx, o), o, entry)
	}
	live, err := i.live.metadata(ctx, o.ID, o.Manifest.GroupVersionKind())
	switch {
	case err != nil:
		return Drifted, Seen{}, explain(o, "read", err)
	case live == nil:
		return Missing, Seen{}, nil
	case !i.claims.owns(o.ID, live, entry):
		return i.foreign(o, live)
	case string(live.UID) != entry.UID || ByHand(live.ManagedFields):
		return Drifted, i.seen(o.ID, live), nil
	}
	manager := ssa.NewResourceManager(reading{i.writer, i.live.reader}, nil, ssa.Owner{Field: FieldManager,
		Group: api.Group})
	wanted := o.Manifest.DeepCopy()
	if err := annotate(wanted, v1alpha1.OwnerAnnotation, i.claims.proof(o.ID, live.UID)); err != nil {
		return Drifted, i.seen(o.ID, live), explain(o, "compare", err)
	}
	change, _, _, err := manager.Diff(ctx, wanted, ssa.DefaultDiffOptions())
	if err != nil {
		return Drifted, i.seen(o.ID, live), explain(o, "compare", err)
	}
	if change.Action != ssa.UnchangedAction {
		return Drifted, i.seen(o.ID, live), nil
	}
	return Same, i.seen(o.ID, live), nil
}

// foreign is an object that somebody put in the place of ours: a conflict, unless
// Git says that it may be taken over.
func (i *Inspector) foreign(o Object, live *metav1.PartialObjectMetadata) (Verdict, Seen, error) {
	if o.takesOver() {
		return Drifted, i.seen(o.ID, live), nil
	}
	return Drifted, Seen{}, &ConflictError{ID: o.ID, Labelled: i.claims.labelled(live)}
}

func (i *Inspector) inspectSecret(ctx context.Context, o Object, entry v1alpha1.InventoryEntry) (Verdict, Seen, error) {
	var secret corev1.Secret
	err := i.live.reader.Get(ctx, keyOf(o.ID), &secret)
	live := &metav1.PartialObjectMetadata{ObjectMeta: secret.ObjectMeta}
	switch {
	case apierrors.IsNotFound(err):
		return Missing, Seen{}, nil
	case err != nil:
		return Drifted, Seen{}, mask.APIError(o.ID, err)
	case !i.claims.owns(o.ID, live, entry):
		return i.foreign(o, live)
	}
	mac := i.claims.mac(o, string(secret.UID), string(secret.Type), secret.Data)
	if !inventory.SameMAC(mac, entry.MAC) || len(o.added(secret.Data)) > 0 ||
		ByHand(live.ManagedFields) || !i.claims.Proven(o.ID, live) || !MetadataStands(o, secret.Labels, secret.Annotations) {
		return Drifted, i.seen(o.ID, live), nil
	}
	return Same, i.seen(o.ID, live), nil
}

// MetadataStands reports whether every label and annotation of o lives.
func MetadataStands(o Object, labels, annotations map[string]string) bool {
	return within(o.Manifest.GetLabels(), labels) && within(o.Manifest.GetAnnotations(), annotations)
}

func within(part, whole map[string]string) bool {
	for key, value := range part {
		if live, ok := whole[key]; !ok || live != value {
			return false
		}
	}
	return true
}
