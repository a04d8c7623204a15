package delivery

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/kustomize"
)

// valves is a CRD of a group of the world's own that serves some of its versions.
func (w *deliveryWorld) valves(alpha, stable bool) kustomize.Object {
	const schema = "{openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}"
	return w.object(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: valves.%[1]s.plant.example}
spec:
  group: %[1]s.plant.example
  scope: Namespaced
  names: {kind: Valve, plural: valves, singular: valve, listKind: ValveList}
  versions:
  - {name: v1alpha1, served: %[2]t, storage: false, schema: %[4]s}
  - {name: v1, served: %[3]t, storage: true, schema: %[4]s}
`, alpha, stable, schema)
}

func (w *deliveryWorld) valve(version, name string) kustomize.Object {
	return w.object("{apiVersion: %[1]s.plant.example/%[2]s, kind: Valve, metadata: {name: %[3]s, namespace: %[1]s}, spec: {flow: 3}}", version, name)
}

// A version that was applied is not served any more: what Git drops goes all the
// same. When no version is, nobody can tell, and the Delivery says so.
func TestWhatWasAppliedInAVersionThatIsGoneIsStillFound(t *testing.T) {
	w := newDeliveryWorld(t)
	w.widenKind(w.valve("v1", "one"))
	w.run()
	w.place("shop", w.valves(true, true), w.valve("v1alpha1", "one"), w.valve("v1alpha1", "two"), w.valve("v1alpha1", "three"))
	w.commit()
	w.settled()
	w.place("shop", w.valves(false, true), w.valve("v1", "two"), w.valve("v1", "three"))
	w.commit()
	w.settled()
	one := &unstructured.Unstructured{}
	one.SetGroupVersionKind(w.valve("v1", "one").GroupVersionKind())
	if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "one"}, one); !apierrors.IsNotFound(err) {
		t.Errorf("what Git dropped lives on: %v", err)
	}

	// Somebody stops every version.
	crd := w.valves(false, false)
	w.edited(w.valves(false, true), func(u *unstructured.Unstructured) error {
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		return unstructured.SetNestedSlice(u.Object, versions, "spec", "versions")
	})
	w.place("shop", w.valves(false, false), w.configMap("a", "1"))
	w.commit()
	d := w.reason("shop", "PruneFailed")
	if said := message(d); !strings.Contains(said, "could not be looked at") || !strings.Contains(said, "serves no version") {
		t.Errorf("the status says %q", said)
	}
	if len(d.Status.Inventory) != 4 {
		t.Errorf("%d entries are left of what nobody could look at", len(d.Status.Inventory))
	}
	w.place("shop", w.valves(false, true), w.configMap("a", "1"))
	w.commit()
	eventually(t, "it goes once it can be looked at", w.settledNow)
}
