package delivery

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/built"
	"github.com/bulla-dev/bulla/sealing"
)

// ownedKinds are the kinds that the oracle looks through for objects that Git
// does not place.
var ownedKinds = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("Secret"),
	corev1.SchemeGroupVersion.WithKind("ConfigMap"),
	corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
	corev1.SchemeGroupVersion.WithKind("Service"),
	corev1.SchemeGroupVersion.WithKind("Namespace"),
	appsv1.SchemeGroupVersion.WithKind("Deployment"),
	rbacv1.SchemeGroupVersion.WithKind("Role"),
	apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"),
}

// check is the oracle: exactly what Git places stands, with the right content;
// objects of others are as they were; no value is in a status.
func (w *deliveryWorld) check() {
	w.t.Helper()
	wanted := map[ObjectID]bool{}
	for _, name := range slices.Sorted(maps.Keys(w.git)) {
		for _, o := range w.git[name].objects {
			wanted[o.ID()] = true
			if err := w.stands(name, o); err != nil {
				w.t.Errorf("%s of %s: %v", o.ID(), name, err)
			}
		}
	}
	for _, gvk := range ownedKinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk)
		w.must(w.client.List(w.t.Context(), list, client.MatchingLabels{v1alpha1.FleetLabel: w.fleet}))
		for i := range list.Items {
			if id := built.ObjectIDOf(&list.Items[i]); !wanted[id] {
				w.t.Errorf("%s stands, and Git does not place it", id)
			}
		}
	}
	w.checkForeign()
	w.checkStatuses()
}

func (w *deliveryWorld) checkForeign() {
	w.t.Helper()
	for name, before := range w.foreign {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(before.GetObjectKind().GroupVersionKind())
		w.must(w.client.Get(w.t.Context(), client.ObjectKeyFromObject(before), live))
		if live.GetResourceVersion() != before.GetResourceVersion() {
			w.t.Errorf("%s belongs to somebody else and was written", name)
		}
	}
}

// checkStatuses looks for every value, raw and in base64, in every status, and
// in everything that was logged or recorded.
func (w *deliveryWorld) checkStatuses() {
	w.t.Helper()
	list := &v1alpha1.DeliveryList{}
	w.must(w.client.List(w.t.Context(), list, client.InNamespace(w.system)))
	text, err := json.Marshal(list)
	w.must(err)
	spoken := said.String()
	w.unsealer.mu.Lock()
	defer w.unsealer.mu.Unlock()
	for _, values := range w.unsealer.values {
		for pointer, encoded := range values {
			raw, err := base64.StdEncoding.DecodeString(encoded)
			w.must(err)
			for where, text := range map[string]string{"a status": string(text), "a log or an event": spoken} {
				if strings.Contains(text, encoded) || strings.Contains(text, string(raw)) {
					w.t.Errorf("the value of %s stands in %s", pointer, where)
				}
			}
		}
	}
}

// stands compares one object of Git with the live one.
func (w *deliveryWorld) stands(placement string, o kustomize.Object) error {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o.Unstructured), live); err != nil {
		return err
	}
	if live.GetDeletionTimestamp() != nil {
		return fmt.Errorf("is being deleted")
	}
	if got := live.GetLabels(); got[v1alpha1.OwnerLabel] != placement || got[v1alpha1.FleetLabel] != w.fleet {
		return fmt.Errorf("owner labels are %v", got)
	}
	if err := within("", o.Object, live.Object); err != nil {
		return err
	}
	if o.Stub != nil {
		return w.holds(o, live)
	}
	return w.rolledWith(placement, o, live)
}

// holds: a sealed Secret has exactly the values.
func (w *deliveryWorld) holds(o kustomize.Object, live *unstructured.Unstructured) error {
	data, _, err := unstructured.NestedStringMap(live.Object, "data")
	if err != nil {
		return err
	}
	want := map[string]string{}
	w.unsealer.mu.Lock()
	for pointer, value := range w.unsealer.values[o.Stub.Manifest.Spec.Blocks[0].Payload] {
		want[strings.TrimPrefix(pointer, "/data/")] = value
	}
	w.unsealer.mu.Unlock()
	if !cmp.Equal(want, data) {
		return fmt.Errorf("holds other values than Git: keys %v for %v", slices.Sorted(maps.Keys(data)), slices.Sorted(maps.Keys(want)))
	}
	return nil
}

// rolledWith: a Deployment's pod template has the content digest of the sealed
// Secret that it reads.
func (w *deliveryWorld) rolledWith(placement string, o kustomize.Object, live *unstructured.Unstructured) error {
	if o.GetKind() != "Deployment" {
		return nil
	}
	annotations, _, _ := unstructured.NestedStringMap(live.Object, "spec", "template", "metadata", "annotations")
	for _, other := range w.git[placement].objects {
		if other.Stub == nil {
			continue
		}
		text, _ := json.Marshal(o.Object)
		if !strings.Contains(string(text), fmt.Sprintf(`"name":%q`, other.GetName())) {
			continue
		}
		content, err := sealing.ContentDigest(w.fleet, other.Stub.Manifest)
		if err != nil {
			return err
		}
		if got := annotations[v1alpha1.ContentAnnotation+"-"+other.GetName()]; got != content {
			return fmt.Errorf("its template says content %q of %s, Git %q", got, other.GetName(), content)
		}
	}
	return nil
}

// within reports where part is not in whole; lists have the same length.
func within(path string, part, whole any) error {
	switch part := part.(type) {
	case map[string]any:
		live, ok := whole.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is not a map", path)
		}
		for key, value := range part {
			if err := within(path+"/"+key, value, live[key]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		live, ok := whole.([]any)
		if !ok || len(live) != len(part) {
			return fmt.Errorf("%s differs in length", path)
		}
		for i := range part {
			if err := within(fmt.Sprintf("%s/%d", path, i), part[i], live[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if fmt.Sprint(part) != fmt.Sprint(whole) {
		return fmt.Errorf("%s is not what Git has", path)
	}
	return nil
}

// alien makes an object that is somebody else's, and remembers it for check.
func (w *deliveryWorld) alien(o kustomize.Object) {
	w.t.Helper()
	live := o.DeepCopy()
	w.must(w.client.Create(w.t.Context(), live, client.FieldOwner("somebody-else")))
	w.foreign[o.ID().String()] = live
}

// versions gives the resource version and uid of every object of Git.
func (w *deliveryWorld) versions() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	for _, a := range w.git {
		for _, o := range a.objects {
			live := &unstructured.Unstructured{}
			live.SetGroupVersionKind(o.GroupVersionKind())
			w.must(w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o.Unstructured), live))
			out[o.ID().String()] = string(live.GetUID()) + "@" + live.GetResourceVersion()
		}
	}
	return out
}

// audit gives what the API server recorded since mark, of the world's namespaces.
func (w *deliveryWorld) audit(mark int) []cluster.Event {
	w.t.Helper()
	events, err := w.cluster.AuditEvents()
	w.must(err)
	var out []cluster.Event
	for _, e := range events[mark:] {
		if e.Namespace == w.ns || e.Namespace == w.system {
			out = append(out, e)
		}
	}
	return out
}

// mark is the end of the audit log now.
func (w *deliveryWorld) mark() int {
	w.t.Helper()
	events, err := w.cluster.AuditEvents()
	w.must(err)
	return len(events)
}

// order gives the writes of verb since mark, as resource/name, each at its
// first success.
func (w *deliveryWorld) order(mark int, verbs ...string) []string {
	w.t.Helper()
	var out []string
	for _, e := range w.audit(mark) {
		text := e.Resource + "/" + e.Name
		if e.Write() && e.Subresource == "" && e.Namespace == w.ns && slices.Contains(verbs, e.Verb) && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

func before(t *testing.T, order []string, first, then string) {
	t.Helper()
	i, j := slices.Index(order, first), slices.Index(order, then)
	if i < 0 || j < 0 || i > j {
		t.Errorf("%s must come before %s: %v", first, then, order)
	}
}
