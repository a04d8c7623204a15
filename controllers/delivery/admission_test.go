package delivery

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// denying makes an admission policy that lets no ConfigMap of a name into the world's
// namespace. The function takes it away.
func (w *deliveryWorld) denying(name string) (lift func()) {
	w.t.Helper()
	of := metav1.ObjectMeta{Name: strings.ToLower("deny-" + name + "-" + w.ns)}
	rule := admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}}
	policy := &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: of, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update}, Rule: rule,
			},
		}}},
		Validations: []admissionv1.Validation{
			{Expression: fmt.Sprintf("object.metadata.name != %q", name), Message: "not this one"},
		},
	}}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: of,
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: of.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.ns},
			}},
		},
	}
	w.must(w.client.Create(w.t.Context(), policy))
	w.must(w.client.Create(w.t.Context(), binding))
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: name}}
	eventually(w.t, "the policy denies", func() error {
		if err := w.client.Create(w.t.Context(), probe.DeepCopy()); err != nil {
			return nil
		}
		w.must(w.client.Delete(w.t.Context(), probe))
		return fmt.Errorf("%s is let in", name)
	})
	return func() {
		w.must(w.client.Delete(w.t.Context(), binding))
		w.must(w.client.Delete(w.t.Context(), policy))
	}
}

// TestWhatAdmissionDeniesHoldsNoOther: one object of a hundred. The others come, what Git
// dropped stays until all is well, and the status names the one.
func TestWhatAdmissionDeniesHoldsNoOther(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("old")...)
	w.commit()
	w.settled()
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("c-%02d", i))
	}
	lift := w.denying("c-57")
	w.maxShare = 100
	w.place("shop", w.configMaps(names...)...)
	w.commit()
	w.says("shop", "ConfigMap "+w.ns+"/c-57", "not this one")
	for _, name := range names {
		if stands := w.exists(&corev1.ConfigMap{}, name); stands != (name != "c-57") {
			t.Errorf("%s stands: %v", name, stands)
		}
	}
	if !w.exists(&corev1.ConfigMap{}, "old") {
		t.Error("what Git dropped goes while the placement fails")
	}
	lift()
	w.settled()
	w.gone(&corev1.ConfigMap{}, "old")
	if !w.exists(&corev1.ConfigMap{}, "c-57") {
		t.Error("c-57 does not come once it is let in")
	}
}
