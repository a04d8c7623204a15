package delivery

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// An object takes two writes to be made, the second for its proof, and one to be
// changed. What somebody else made is not written at all, though nothing in it stands
// against what is sent: the API server says so, before anybody looks.
func TestTheAPIServerSaysWhatIsNotThere(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	mark := w.mark()
	place := func(version string) {
		w.place("shop", w.seal("db", map[string]string{"password": version}), w.configMap("settings", version),
			w.idle("api", "db"))
	}
	place("1")
	w.commit()
	w.settled()
	w.wants(mark, map[string]int{"secrets/db": 2, "configmaps/settings": 2, "deployments/api": 2})

	mark = w.mark()
	place("2") // the Deployment reads the Secret
	w.commit()
	w.settled()
	w.wants(mark, map[string]int{"secrets/db": 1, "configmaps/settings": 1, "deployments/api": 1})

	for _, o := range []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}} {
		o.SetNamespace(w.ns)
		o.SetName("theirs")
		w.must(w.client.Create(t.Context(), o, client.FieldOwner("somebody")))
	}
	mark = w.mark()
	w.place("taker", w.seal("theirs", map[string]string{"a": "b"}), w.configMap("theirs", "1"))
	w.commit()
	w.reason("taker", v1alpha1.ConflictReason)
	w.wants(mark, nil)
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "theirs"}, live))
	if len(live.Annotations)+len(live.Labels) > 0 {
		t.Errorf("somebody else's Secret has %v and %v", live.Annotations, live.Labels)
	}
}

// wants holds the controller's writes since mark to so many of each object, and to none
// of any other.
func (w *deliveryWorld) wants(mark int, want map[string]int) {
	w.t.Helper()
	got := map[string]int{}
	for _, text := range w.written(mark) {
		got[text]++
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("writes (-want +got):\n%s", diff)
	}
}
