package delivery

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/kustomize/built"
)

// foreignerMakes: somebody has an object of a name that Git may place.
func (h *history) foreignerMakes() {
	name := client.ObjectKey{Namespace: h.ns, Name: pick(h, objectNames)}
	live, err := h.server.live(h.ctx, modelKinds[1], name)
	if err != nil || live != nil {
		return
	}
	h.note("somebody makes ConfigMap %s", name.Name)
	h.tally.Foreign++
	h.must(h.server.make(h.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: h.ns, Name: name.Name},
		Data: map[string]string{"key": "theirs"}}))
}

// ourLive picks a live object that the controller made, pods aside.
func (h *history) ourLive() *unstructured.Unstructured {
	var all []unstructured.Unstructured
	for _, gvk := range modelKinds {
		for _, o := range h.list(gvk) {
			if h.server.ours[o.GetUID()] && o.GetDeletionTimestamp() == nil {
				all = append(all, o)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &all[h.rng.IntN(len(all))]
}

// foreignerEdits: somebody changes what the controller made.
func (h *history) foreignerEdits() {
	o := h.ourLive()
	if o == nil {
		return
	}
	h.note("somebody edits %s", built.ObjectIDOf(o))
	h.rules.touched[built.ObjectIDOf(o)] = true
	switch o.GetKind() {
	case "ConfigMap":
		h.must(unstructured.SetNestedField(o.Object, "edited", "data", "key"))
	case "Secret":
		h.must(unstructured.SetNestedField(o.Object, "ZWRpdGVk", "data", "token"))
	default:
		h.must(unstructured.SetNestedField(o.Object, int64(7), "spec", "replicas"))
	}
	h.must(h.server.raw.Update(h.ctx, o, client.FieldOwner("somebody")))
}

// foreignerDeletes: somebody deletes what the controller made.
func (h *history) foreignerDeletes() {
	if o := h.ourLive(); o != nil {
		h.note("somebody deletes %s", built.ObjectIDOf(o))
		h.rules.touched[built.ObjectIDOf(o)] = true
		h.must(h.server.raw.Delete(h.ctx, o))
	}
}

// foreignerPretends: somebody makes an object with the labels and the proof of one of
// ours.
func (h *history) foreignerPretends() {
	o := h.ourLive()
	if o == nil || o.GetKind() == "Deployment" {
		return
	}
	copied := o.DeepCopy()
	copied.SetName(pick(h, objectNames))
	if h.rng.IntN(2) == 0 {
		copied.SetName("copy")
	}
	copied.SetResourceVersion("")
	copied.SetManagedFields(nil)
	copied.SetLabels(maps.Clone(o.GetLabels()))
	key := client.ObjectKeyFromObject(copied)
	if live, err := h.server.live(h.ctx, o.GroupVersionKind(), key); err != nil || live != nil {
		return
	}
	h.note("somebody copies %s to %s", built.ObjectIDOf(o), key.Name)
	h.tally.Foreign++
	h.must(h.server.make(h.ctx, copied))
}

// foreignersLeave: who sits on a name that Git places gives it up.
func (h *history) foreignersLeave() {
	for _, gvk := range modelKinds {
		for _, o := range h.list(gvk) {
			id := built.ObjectIDOf(&o)
			if _, wanted := h.rules.placed()[id]; wanted && !h.server.ours[o.GetUID()] {
				h.note("somebody's %s leaves", id)
				h.must(h.server.raw.Delete(h.ctx, &o))
			}
		}
	}
}
