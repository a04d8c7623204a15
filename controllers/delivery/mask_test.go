package delivery

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/mask"
)

// quoting makes an admission policy for Secrets in the world's namespace that
// quotes the value of the key password in its message.
func (w *deliveryWorld) quoting(action admissionv1.ValidationAction) {
	w.t.Helper()
	name := strings.ToLower("quote-" + string(action) + "-" + w.ns)
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
				},
			}}},
			Validations: []admissionv1.Validation{{
				Expression: "!has(object.data) || !('password' in object.data)", Message: "no",
				MessageExpression: "'weak password: ' + string(object.data['password'])",
			}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{action},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.ns},
			}},
		},
	}
	w.must(w.client.Create(w.t.Context(), policy))
	w.must(w.client.Create(w.t.Context(), binding))
	if action != admissionv1.Deny {
		return
	}
	// The policy is not vacuous: the API server does quote.
	probe := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "probe"},
		Data:       map[string][]byte{"password": []byte("quoted-probe")},
	}
	eventually(w.t, "the policy quotes", func() error {
		err := w.client.Create(w.t.Context(), probe, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "quoted-probe") && !strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte("quoted-probe"))) {
			return fmt.Errorf("the answer is %w", errors.Join(err, errors.New("without the value")))
		}
		return nil
	})
}

func TestNoTextOfTheAPIServerAboutASealedObjectIsPassedOn(t *testing.T) {
	typed := func(kind string) func(map[string]any) { return func(m map[string]any) { m["type"] = kind } }
	tests := map[string]struct {
		prepare func(*deliveryWorld)
		values  map[string]string
		change  func(map[string]any)
		reason  string
	}{
		"a policy refuses and quotes": {
			prepare: func(w *deliveryWorld) { w.quoting(admissionv1.Deny) },
			values:  map[string]string{"password": "hunter2"}, reason: v1alpha1.ApplyFailedReason,
		},
		"a policy warns and quotes": {
			prepare: func(w *deliveryWorld) { w.quoting(admissionv1.Warn) },
			values:  map[string]string{"password": "hunter2"}, reason: "ReconciliationSucceeded",
		},
		"the value is not what the type needs": {
			values: map[string]string{".dockerconfigjson": `{"auths": not JSON`},
			change: typed("kubernetes.io/dockerconfigjson"), reason: v1alpha1.ApplyFailedReason,
		},
		"the type needs another key": {
			values: map[string]string{"password": "hunter2"},
			change: typed("kubernetes.io/tls"), reason: v1alpha1.ApplyFailedReason,
		},
		"the value is too large": {
			values: map[string]string{"password": strings.Repeat("x", 1<<20)}, reason: v1alpha1.ApplyFailedReason,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newDeliveryWorld(t)
			if test.prepare != nil {
				test.prepare(w)
			}
			w.run()
			var change []func(map[string]any)
			if test.change != nil {
				change = append(change, test.change)
			}
			w.place("shop", w.seal("db", test.values, change...), w.configMap("a", "1"))
			w.commit()
			w.reason("shop", test.reason)
			w.checkStatuses()
		})
	}
}

// The typed converter of server-side apply quotes what it does not like. bulla
// never sends such a value, but the guard does not rely on it.
func TestAMaskedErrorHoldsNothingOfTheAnswer(t *testing.T) {
	w := newDeliveryWorld(t)
	bad := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "db", "namespace": w.ns},
		"data": map[string]any{"PIN": int64(918273645)},
	}}
	err := w.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(bad), client.FieldOwner("test"))
	if err == nil || !strings.Contains(err.Error(), "918273645") {
		t.Fatalf("the API server does not quote the value any more: %v", err)
	}
	masked := mask.APIError(ObjectID{Kind: "Secret", Namespace: w.ns, Name: "db"}, fmt.Errorf("apply: %w", err))
	for _, text := range []string{masked.Error(), fmt.Sprintf("%+v %#v %q", masked, masked, masked)} {
		if strings.Contains(text, "918273645") {
			t.Errorf("the value passes: %s", text)
		}
	}
	for cause := masked; cause != nil; cause = errors.Unwrap(cause) {
		if strings.Contains(cause.Error(), "918273645") {
			t.Errorf("the value passes by Unwrap: %T", cause)
		}
	}
	if got, want := apierrors.ReasonForError(masked), apierrors.ReasonForError(err); got != want && got != metav1.StatusReasonUnknown {
		t.Errorf("the reason became %q, was %q", got, want)
	}
}
