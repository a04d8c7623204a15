package delivery

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/own"
)

// A tenant who may patch one object in one namespace puts bulla's labels, its
// field manager's name and a copied proof on it: no placement takes it up,
// deletes it, or fails over it.
func TestForgedMarksMakeNothingOurs(t *testing.T) {
	w := newDeliveryWorld(t)
	other := w.cluster.NewNamespace(t)
	w.place("first", w.configMap("a", "1"))
	w.run()
	w.commit()
	w.settled()
	ours := &corev1.ConfigMap{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "a"}, ours))
	for _, namespace := range []string{w.ns, other} {
		victim := w.configMap("victim", "theirs")
		victim.SetNamespace(namespace)
		victim.SetLabels(map[string]string{v1alpha1.OwnerLabel: "new", v1alpha1.FleetLabel: w.fleet})
		victim.SetAnnotations(map[string]string{v1alpha1.OwnerAnnotation: ours.Annotations[v1alpha1.OwnerAnnotation]})
		live := victim.DeepCopy()
		w.must(w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(live), client.FieldOwner(own.FieldManager)))
		w.foreign[namespace] = live
	}
	w.place("new", w.configMap("b", "1"))
	w.commit()
	eventually(t, "both deliveries stand", w.settledNow)
	w.checkForeign()
	clear(w.git)
	w.commit()
	eventually(t, "both deliveries are gone", w.settledNow)
	w.checkForeign()

	// In the way of what Git wants it is a conflict, and keeps nothing else.
	w.place("new", w.configMap("victim", "ours"), w.configMap("b", "1"))
	w.commit()
	w.reason("new", v1alpha1.ConflictReason)
	w.checkForeign()
	if !w.exists(&corev1.ConfigMap{}, "b") {
		t.Error("a neighbour of the forged object did not come")
	}
}

// What was applied before there were proofs gets one, without a word of drift.
func TestWhatHasNoProofYetGetsOne(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	w.place("shop", w.configMap("a", "1"), w.seal("db", map[string]string{"password": "one"}))
	w.commit()
	w.settled()
	stop()
	before := len(said.String())
	for _, o := range []client.Object{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "db"}}} {
		o.SetNamespace(w.ns)
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+v1alpha1.OwnerAnnotation+`":null}}}`))
		w.must(w.client.Patch(t.Context(), o, patch, client.FieldOwner(own.FieldManager)))
	}
	w.run()
	w.ask("shop", "after the upgrade")
	eventually(t, "both have a proof", func() error {
		for _, o := range []client.Object{&corev1.ConfigMap{}, &corev1.Secret{}} {
			name := map[bool]string{true: "db", false: "a"}[isSecret(o)]
			if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o); err != nil {
				return err
			}
			if o.GetAnnotations()[v1alpha1.OwnerAnnotation] == "" {
				return errNotYet
			}
		}
		return nil
	})
	w.settled()
	if text := said.String()[before:]; containsEvent(text, w.ns, "DriftReverted") {
		t.Error("an upgrade is told as somebody's deed")
	}
}
