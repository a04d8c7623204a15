package delivery

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/unseal"
	"github.com/bulla-dev/bulla/kustomize"
)

// message is that of a Delivery's Ready condition.
func message(d *v1alpha1.Delivery) string {
	for _, c := range d.Status.Conditions {
		if c.Type == "Ready" {
			return c.Message
		}
	}
	return ""
}

// A build counts a kind that nobody told it of as namespaced. Where the cluster
// has it cluster-wide, a namespace in the manifest must not carry it past the
// allow list: the API server would drop the namespace and make the object.
func TestAKindThatIsClusterScopedHereIsNotAppliedAsNamespaced(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	crd, instance := w.definition()
	w.must(unstructured.SetNestedField(crd.Object, "Cluster", "spec", "scope"))
	w.must(w.client.Create(t.Context(), crd.DeepCopy()))
	live := instance.DeepCopy()
	live.SetNamespace("")
	eventually(t, "the kind is served", func() error {
		return client.IgnoreNotFound(w.client.Get(t.Context(), client.ObjectKeyFromObject(live), live.DeepCopy()))
	})

	w.place("shop", instance)
	w.commit()
	said := message(w.reason("shop", v1alpha1.ApplyFailedReason))
	for _, want := range []string{"cluster-scoped here", "allow.clusterResources", instance.GroupVersionKind().GroupKind().String()} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(live), live.DeepCopy()); !apierrors.IsNotFound(err) {
		t.Errorf("the object was made: %v", err)
	}

	// Somebody makes it by hand, with our labels: what Git drops was another one.
	live.SetLabels(map[string]string{v1alpha1.OwnerLabel: "shop", v1alpha1.FleetLabel: w.fleet})
	w.must(w.client.Create(t.Context(), live))
	clear(w.git)
	w.commit()
	w.settled()
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(live), live.DeepCopy()))
}

// The cluster's keys stand in the controller's namespace: a Pod there could
// mount them, so no placement writes there, whatever its namespaces say.
func TestNoPlacementReachesTheControllersOwnNamespace(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	inside := w.seal(unseal.IdentitySecret, map[string]string{"tls.key": "ours now"})
	inside.SetNamespace(w.system)
	for name, o := range map[string]kustomize.Object{
		"identity":  inside,
		"pod":       w.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: job, namespace: %[2]s}}", w.system),
		"namespace": w.object("{apiVersion: v1, kind: Namespace, metadata: {name: %[2]s, labels: {a: b}}}", w.system),
	} {
		w.place(name, o, w.configMap(name+"-beside", "x")).spec.Namespaces = []string{w.ns, w.system}
	}
	w.commit()
	for name := range w.git {
		if said := message(w.reason(name, v1alpha1.ConflictReason)); !strings.Contains(said, "the controller's own namespace") {
			t.Errorf("%s says %q", name, said)
		}
		beside := client.ObjectKey{Namespace: w.ns, Name: name + "-beside"}
		if err := w.client.Get(t.Context(), beside, &corev1.ConfigMap{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s was applied in part: %v", name, err)
		}
	}
	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.system, Name: unseal.IdentitySecret}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the identity was written: %v", err)
	}
}
