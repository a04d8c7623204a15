package delivery

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// aggregated has the world's valves be served by a server beside the API server that nobody
// reaches, as a metrics adapter is whose pods are down: its discovery fails, and all else is
// served. back gives them to the API server again.
func (w *deliveryWorld) aggregated() (back func()) {
	w.t.Helper()
	service := func() *unstructured.Unstructured {
		s := &unstructured.Unstructured{}
		s.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1",
			Kind: "APIService"})
		s.SetName("v1." + w.ns + ".plant.example")
		return s
	}
	eventually(w.t, "another server has the group", func() error {
		s := service()
		if err := w.client.Get(w.t.Context(), client.ObjectKeyFromObject(s), s); err != nil {
			return err
		}
		s.SetLabels(nil) // the API server keeps those that carry its label as they were
		spec := s.Object["spec"].(map[string]any)
		spec["service"] = map[string]any{"namespace": w.ns, "name": "nobody"}
		spec["insecureSkipTLSVerify"] = true
		return w.client.Update(w.t.Context(), s)
	})
	finder, err := discovery.NewDiscoveryClientForConfig(w.config)
	w.must(err)
	eventually(w.t, "discovery fails for it", func() error {
		_, _, err := finder.ServerGroupsAndResources()
		if !discovery.IsGroupDiscoveryFailedError(err) {
			return errNotYet
		}
		return nil
	})
	gone := false
	back = func() {
		if !gone {
			w.must(client.IgnoreNotFound(w.client.Delete(w.t.Context(), service())))
		}
		gone = true
	}
	w.t.Cleanup(func() { _ = w.client.Delete(w.t.Context(), service()) })
	return back
}

// TestAnAggregatedAPIThatIsDownKeepsNothingElseOut: discovery that fails for one group says
// nothing of the others. What is of that group is neither forgotten nor thought to be gone,
// whether the controller knew its kind or was started meanwhile.
func TestAnAggregatedAPIThatIsDownKeepsNothingElseOut(t *testing.T) {
	for name, restarts := range map[string]bool{"it knew the kind": false, "it was started meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			w := newDeliveryWorld(t)
			w.maxShare = 90
			w.widenKind(w.valve("v1", "one"))
			stop := w.run()
			w.place("defines", w.valves(false, true))
			stays := w.configMaps("a", "b", "c")
			w.place("shop", append(slices.Clone(stays), w.valve("v1", "one"))...)
			w.commit()
			w.settled()

			back := w.aggregated()
			if restarts {
				stop()
				w.run()
			}
			w.place("other", w.seal("db", map[string]string{"password": "one"}), w.idle("web", "db"))
			w.place("shop", stays...)
			w.commit()
			d := w.reason("shop", "PruneFailed")
			if said := message(d); !strings.Contains(said, "one") || !strings.Contains(said, "hint:") {
				t.Errorf("the status says %q", said)
			}
			if len(d.Status.Inventory) != 4 {
				t.Errorf("%d entries are left of what nobody could look at", len(d.Status.Inventory))
			}
			w.reason("other", "ReconciliationSucceeded")

			// What needs the group says so, and nothing of its placement goes for it.
			w.place("shop", append(w.configMaps("a", "new"), w.valve("v1", "one"), w.valve("v1", "two"))...)
			w.commit()
			if said := message(w.reason("shop", "ApplyFailed")); !strings.Contains(said, "two") {
				t.Errorf("the status says %q", said)
			}
			for _, name := range []string{"a", "b", "c"} {
				if !w.exists(&corev1.ConfigMap{}, name) {
					t.Errorf("%s is gone, though what comes with its leaving cannot", name)
				}
			}
			w.place("shop", stays...)
			back()
			w.commit()
			eventually(t, "all is well once the server is back", w.settledNow)
			one := &unstructured.Unstructured{}
			one.SetGroupVersionKind(w.valve("v1", "one").GroupVersionKind())
			err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "one"}, one)
			if !apierrors.IsNotFound(err) {
				t.Errorf("what Git dropped lives on: %v", err)
			}
		})
	}
}
