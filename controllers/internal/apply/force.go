package apply

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// replaceTime bounds what follows a delete: it goes on though the process is told
// to end, because between the two nothing stands.
const replaceTime = 10 * time.Second

// replace deletes a live object that cannot change in place and makes it anew, if
// Git asks for it. Nothing is deleted before a trial of the new one went through,
// and if that is refused all the same, what stood is put back.
func (p *Puts) replace(ctx context.Context, o Object, entry v1alpha1.InventoryEntry, values map[string]string,
	live *metav1.PartialObjectMetadata, cause error) (next v1alpha1.InventoryEntry, made bool, err error) {
	if cannot, err := p.cannotChange(ctx, o, cause); !cannot || err != nil {
		return entry, false, explain(o, "apply", orElse(err, cause))
	}
	if !o.mayBeReplaced() {
		return entry, false, &ImmutableError{ID: o.ID, Fields: immutableFields(cause)}
	}
	old, err := p.whole(ctx, o, live)
	if err != nil {
		return entry, false, explain(o, "read", err)
	}
	if takesData(old) && !o.forced() {
		return entry, false, &ImmutableError{ID: o.ID, Fields: immutableFields(cause)}
	}
	if err := p.rehearse(ctx, o, values); err != nil {
		return entry, false, &ReplaceError{ID: o.ID, Outcome: Stands, Err: about(o.ID, o.Sealed(), err, o.Keys...)}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replaceTime)
	defer cancel()
	if err := remove(ctx, p.writer, metaOf(old), metav1.DeletePropagationBackground); err != nil {
		return entry, false, explain(o, "delete", err)
	}
	if going, err := p.live.metadata(ctx, o.ID, live.GroupVersionKind()); err == nil && going != nil && going.UID == old.GetUID() {
		return entry, false, &GoingError{ID: o.ID, Finalizers: going.Finalizers}
	}
	next, err = p.send(ctx, o, values, p.absent(o))
	if apierrors.IsConflict(err) {
		if other, look := p.live.metadata(ctx, o.ID, live.GroupVersionKind()); look == nil && other != nil {
			// Somebody made one meanwhile: there is no room for what stood.
			return gone(o, entry), false, &ConflictError{ID: o.ID}
		}
	}
	if err != nil {
		next, err = p.putBack(ctx, o, entry, old, err)
		return next, false, err
	}
	return o.keeping(entry, next), true, nil
}

// cannotChange reports whether immutability is the cause of a refusal. A Secret's
// cause is looked for in the Secret: the API server's text is not read.
func (p *Puts) cannotChange(ctx context.Context, o Object, cause error) (bool, error) {
	if !o.Sealed() {
		// Any refusal counts where the object itself asks; a word over all of them is
		// obeyed where the API server says that it is immutability.
		return o.forced() || immutableFields(cause) != "", nil
	}
	var secret corev1.Secret
	if err := p.live.reader.Get(ctx, keyOf(o.ID), &secret); err != nil {
		return false, err
	}
	return secret.Immutable != nil && *secret.Immutable || string(secret.Type) != templateType(o), nil
}

// mayBeReplaced: Git lets the object be replaced. What would take others' objects along
// is never replaced, whatever Git says. And what holds data is not for a word about the
// whole placement, which was written with a Job in mind.
func (o Object) mayBeReplaced() bool {
	switch groupKind(o.ID) {
	case namespace, crd:
		return false
	case dataClaim, dataVolume:
		return v1alpha1.MayReplace(o.Manifest, false)
	}
	return v1alpha1.MayReplace(o.Manifest, o.Force)
}

// takesData: a StatefulSet's volume claims are deleted with it, where it says so as it
// lives. What Git has of that does not count: it has not arrived.
func takesData(old *unstructured.Unstructured) bool {
	when, _, _ := unstructured.NestedString(old.Object, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted")
	return old.GroupVersionKind().GroupKind() == statefulSet && when == "Delete"
}

// forced: the object itself asks to be replaced.
func (o Object) forced() bool { return o.mayBeReplaced() && v1alpha1.MayReplace(o.Manifest, false) }

// whole reads the object that is about to be deleted. It stays in memory.
func (p *Puts) whole(ctx context.Context, o Object,
	live *metav1.PartialObjectMetadata) (*unstructured.Unstructured, error) {
	old := &unstructured.Unstructured{}
	old.SetGroupVersionKind(live.GroupVersionKind())
	if err := p.live.reader.Get(ctx, keyOf(o.ID), old); err != nil {
		return nil, err
	}
	if old.GetUID() != live.UID {
		return nil, apierrors.NewConflict(corev1.Resource(strings.ToLower(o.ID.Kind)), o.ID.Name, nil)
	}
	return old, nil
}

// rehearse asks the API server, and admission, whether they would take the new
// object: under another name, since the old one stands under its own.
func (p *Puts) rehearse(ctx context.Context, o Object, values map[string]string) error {
	name := trialName(o.ID.Name)
	options := []client.ApplyOption{client.FieldOwner(FieldManager), client.DryRunAll}
	var err error
	if o.Sealed() {
		secret, build := BuildSecret(o, values)
		if build != nil {
			return build
		}
		err = p.writer.Apply(ctx, secret.WithName(name), options...)
	} else {
		trial := o.Manifest.DeepCopy()
		trial.SetName(name)
		err = p.writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(trial), options...)
	}
	// A webhook that takes no part in trials says nothing about the new object.
	if apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "does not support dry run") {
		return nil
	}
	return err
}

// trialName is short enough for every kind, and nobody's.
func trialName(name string) string {
	const room = 40
	name = strings.TrimRight(name[:min(len(name), room)], "-.")
	return name + "-" + strings.ToLower(rand.Text()[:6])
}

// putBack makes the old object again, where nothing has its name: what somebody made
// meanwhile is theirs. Fields of others become ours by it, so that the next apply that
// goes through drops what Git does not have.
func (p *Puts) putBack(ctx context.Context, o Object, entry v1alpha1.InventoryEntry,
	old *unstructured.Unstructured, refusal error) (v1alpha1.InventoryEntry, error) {
	failed := &ReplaceError{ID: o.ID, Outcome: PutBack, Err: about(o.ID, o.Sealed(), refusal, o.Keys...)}
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		made, theirs, err := p.again(ctx, o, old)
		switch {
		case err != nil: // once more
		case theirs:
			return gone(o, entry), &ConflictError{ID: o.ID, Labelled: p.claims.labelled(made)}
		default:
			entry.UID, entry.ResourceVersion, entry.Generation = string(made.UID), made.ResourceVersion, made.Generation
			entry.MAC = "" // it was over the old uid
			return entry, failed
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			failed.Outcome = Lost
			return gone(o, entry), failed
		}
	}
}

// again makes an object as it was, once, and gives what has its name then; theirs says
// that it is somebody else's. What an attempt before made, whose answer was lost, is ours.
func (p *Puts) again(ctx context.Context, o Object, old *unstructured.Unstructured) (
	made *metav1.PartialObjectMetadata, theirs bool, err error,
) {
	if !p.compares(o) { // its server may hold nothing to a version: a look is all there is
		if made, theirs, err = p.holder(ctx, o, old); made != nil || err != nil {
			return made, theirs, err
		}
	}
	next := bare(old)
	if err := annotate(next, v1alpha1.OwnerAnnotation, p.claims.proof(o.ID, "")); err != nil {
		return nil, false, err
	}
	p.absent(o).bind(next)
	err = p.writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(next), client.FieldOwner(FieldManager))
	if apierrors.IsConflict(err) {
		if made, theirs, look := p.holder(ctx, o, old); made != nil && look == nil {
			return made, theirs, nil
		}
	}
	return metaOf(next), false, err
}

// holder is what has the name of an object that was deleted; nil for nothing.
func (p *Puts) holder(ctx context.Context, o Object, old *unstructured.Unstructured) (
	live *metav1.PartialObjectMetadata, theirs bool, err error,
) {
	live, err = p.live.metadata(ctx, o.ID, old.GroupVersionKind())
	return live, live != nil && !p.claims.born(o.ID, live), err
}

// gone is the entry of an object that was deleted and not made again.
func gone(o Object, before v1alpha1.InventoryEntry) v1alpha1.InventoryEntry {
	return v1alpha1.InventoryEntry{ID: inventory.Format(o.ID), Version: before.Version}
}

// bare is an object without what the API server writes.
func bare(old *unstructured.Unstructured) *unstructured.Unstructured {
	again := old.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields",
		"selfLink",
		"deletionTimestamp", "deletionGracePeriodSeconds"} {
		unstructured.RemoveNestedField(again.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(again.Object, "status")
	return withoutJobLabels(again)
}

// withoutJobLabels takes out the selector and labels that the API server gives a
// Job: they name the uid of the one that is gone, and it refuses them.
func withoutJobLabels(job *unstructured.Unstructured) *unstructured.Unstructured {
	if job.GetKind() != "Job" || job.GroupVersionKind().Group != "batch" {
		return job
	}
	if manual, _, _ := unstructured.NestedBool(job.Object, "spec", "manualSelector"); manual {
		return job
	}
	unstructured.RemoveNestedField(job.Object, "spec", "selector")
	for _, place := range [][]string{{"metadata"}, {"spec", "template", "metadata"}} {
		for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid"} {
			unstructured.RemoveNestedField(job.Object, append(append([]string{}, place...), "labels", label)...)
		}
	}
	return job
}

func metaOf(o *unstructured.Unstructured) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(o.GroupVersionKind())
	m.Namespace, m.Name, m.UID, m.ResourceVersion = o.GetNamespace(), o.GetName(), o.GetUID(), o.GetResourceVersion()
	m.Generation = o.GetGeneration()
	return m
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
