package delivery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

var errNotYet = errors.New("not yet")

func containsEvent(text, namespace, reason string) bool {
	for line := range strings.Lines(text) {
		if strings.Contains(line, reason) && strings.Contains(line, namespace) {
			return true
		}
	}
	return false
}

// denies makes an admission policy that denies one operation on objects of one
// name in the world's namespace.
func (w *deliveryWorld) denies(operation admissionv1.OperationType, resource, name string) (allow func()) {
	w.t.Helper()
	id := strings.ToLower(fmt.Sprintf("deny-%s-%s-%s-%s", operation, resource, name, w.ns))
	object := "object"
	if operation == admissionv1.Delete {
		object = "oldObject"
	}
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: id},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{operation},
					Rule:       admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{resource}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: fmt.Sprintf("!%s.metadata.name.startsWith(%q)", object, name), Message: "not today"}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: id},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: id, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.ns},
			}},
		},
	}
	w.must(w.client.Create(w.t.Context(), policy))
	w.must(w.client.Create(w.t.Context(), binding))
	return func() {
		w.must(w.client.Delete(w.t.Context(), binding))
		w.must(w.client.Delete(w.t.Context(), policy))
	}
}

// A denied update keeps what needs the object, and nothing else of the placement:
// not the rotated secret, not drift, not what is new.
func TestAFailureOfOneObjectKeepsOnlyWhatNeedsIt(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	reader := func(image string) kustomize.Object {
		o := w.idle("reader", "db")
		spec := o.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
		spec["containers"] = []any{map[string]any{"name": "main", "image": image,
			"envFrom": []any{map[string]any{"configMapRef": map[string]any{"name": "two"}}}}}
		return o
	}
	w.place("shop", w.configMap("one", "1"), w.configMap("two", "1"), w.configMap("three", "1"), w.seal("db", map[string]string{"password": "one"}),
		w.idle("api", "db"), reader("example.com/app:1"), w.configMap("dropped", "1"), w.seal("revoked", map[string]string{"x": "gone"}))
	w.commit()
	w.settled()
	standing := w.git["shop"].objects
	allow := w.denies(admissionv1.Update, "configmaps", "two")
	probe := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "two"}, Data: map[string]string{"key": "probe"}}
	eventually(t, "the policy denies", func() error {
		if err := w.client.Update(t.Context(), probe.DeepCopy(), client.DryRunAll); !strings.Contains(fmt.Sprint(err), "not today") {
			return errNotYet
		}
		return nil
	})
	w.must(w.client.Delete(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "three"}}))
	w.place("shop", w.configMap("one", "2"), w.configMap("two", "2"), w.configMap("three", "1"), w.configMap("four", "1"),
		w.seal("db", map[string]string{"password": "two"}), w.idle("api", "db"), reader("example.com/app:2"))
	w.commit()
	d := w.reason("shop", v1alpha1.ApplyFailedReason)
	said := message(d)
	if !strings.Contains(said, "ConfigMap "+w.ns+"/two") || !strings.Contains(said, "not today") || !strings.Contains(said, "Deployment "+w.ns+"/reader wait for that") {
		t.Errorf("the condition says %q", said)
	}
	for _, o := range w.git["shop"].objects {
		switch o.GetName() {
		case "two", "reader":
			o = find(standing, o.ID())
		}
		if err := w.stands("shop", o); err != nil {
			t.Errorf("%s: %v", o.ID(), err)
		}
	}
	eventually(t, "the secret that Git dropped is gone", func() error {
		if w.exists(&corev1.Secret{}, "revoked") {
			return errNotYet
		}
		return nil
	})
	if !w.exists(&corev1.ConfigMap{}, "dropped") {
		t.Error("something was pruned while what may replace it failed")
	}
	allow()
	eventually(t, "it goes on by itself", func() error {
		w.annotate("shop", "reconcile.fluxcd.io/requestedAt", fmt.Sprint(len(said)))
		return w.settledNow()
	})
	w.check()
}

func find(objects []kustomize.Object, id ObjectID) kustomize.Object {
	for _, o := range objects {
		if o.ID() == id {
			return o
		}
	}
	return kustomize.Object{}
}

// A type that misses its keys, and a policy that denies the creation: what stands
// goes on standing, and the message says so in a sentence.
func TestAForcedReplacementIsTriedBeforeAnythingIsDeleted(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	forced := func(kind string, immutable bool) func(map[string]any) {
		return func(template map[string]any) {
			template["type"] = kind
			if immutable {
				template["immutable"] = true
			}
			template["metadata"] = map[string]any{"annotations": map[string]any{v1alpha1.ForceAnnotation: "enabled"}}
		}
	}
	job := func(image, force string) kustomize.Object {
		return w.object(`{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, namespace: %[1]s, annotations: {x/y: z, %[3]s}},
			spec: {backoffLimit: 1, template: {spec: {restartPolicy: Never, containers: [{name: m, image: %[2]q}]}}}}`, image, force)
	}
	pinned := w.seal("pinned", map[string]string{"x": "one"}, forced("Opaque", true))
	w.place("shop", w.seal("edge", map[string]string{"tls.crt": "abc"}), pinned, job("m:1", "a/b: c")).spec.Wait = new(bool)
	w.commit()
	w.settled()
	versions := w.versions()
	standing := w.git["shop"].objects
	allow := w.denies(admissionv1.Create, "secrets", "pinned")
	eventually(t, "the policy denies", func() error {
		probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "pinned-probe"}}
		if err := w.client.Create(t.Context(), probe, client.DryRunAll); !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) {
			return errNotYet
		}
		return nil
	})
	w.place("shop", w.seal("edge", map[string]string{"tls.crt": "abc"}, forced("kubernetes.io/tls", false)),
		w.seal("pinned", map[string]string{"x": "two"}, forced("Opaque", true)), job("m:2", "a/b: c")).spec.Wait = new(bool)
	w.commit()
	said := message(w.reason("shop", v1alpha1.ApplyFailedReason))
	for _, want := range []string{
		"Secret " + w.ns + "/edge: what stood was left", "Secret " + w.ns + "/pinned: what stood was left",
		"Job " + w.ns + "/migrate: spec.template cannot change: rename it, or annotate it",
	} {
		if strings.Count(said, want) != 1 {
			t.Errorf("the message says %q %d times: %s", want, strings.Count(said, want), said)
		}
	}
	if len(said) > 1200 || strings.Contains(said, "PodTemplateSpec") {
		t.Errorf("the message has %d characters: %s", len(said), said)
	}
	w.git["shop"].objects = standing
	after := w.versions()
	for id, version := range versions {
		if uidOf(version) != uidOf(after[id]) {
			t.Errorf("%s was deleted", id)
		}
	}
	allow()

	// A plain object is replaced too, where Git says so.
	w.place("shop", w.seal("edge", map[string]string{"tls.crt": "abc"}), w.seal("pinned", map[string]string{"x": "two"}, forced("Opaque", true)),
		job("m:2", v1alpha1.ForceAnnotation+": enabled")).spec.Wait = new(bool)
	w.commit()
	eventually(t, "both are replaced", w.settledNow)
	live := &batchv1.Job{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "migrate"}, live))
	if live.Spec.Template.Spec.Containers[0].Image != "m:2" {
		t.Errorf("the Job runs %s", live.Spec.Template.Spec.Containers[0].Image)
	}
	w.check()
}

// A live object of somebody else is taken over where Git says so, alive.
func TestWhatLivesAlreadyIsTakenOverWhereGitSaysSo(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	tool := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "tool"}}
	w.must(w.client.Create(t.Context(), tool))
	legacy := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "legacy", OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: "tool", UID: tool.UID}}},
		StringData: map[string]string{"password": "old", "more": "old"},
	}
	w.must(w.client.Create(t.Context(), legacy, client.FieldOwner("some-tool")))
	taking := func(template map[string]any) {
		template["metadata"] = map[string]any{"annotations": map[string]any{v1alpha1.TakeOverAnnotation: "true"}}
	}
	w.place("shop", w.seal("legacy", map[string]string{"password": "new"}, taking))
	w.commit()
	w.settled()
	live := &corev1.Secret{}
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(legacy), live))
	if live.UID != legacy.UID || len(live.OwnerReferences) > 0 {
		t.Errorf("uid %s was %s, owners %v", live.UID, legacy.UID, live.OwnerReferences)
	}
	if said := message(w.delivery("shop")); !strings.Contains(said, "taken over from somebody else: Secret "+w.ns+"/legacy") {
		t.Errorf("the status says %q", said)
	}
	if !containsEvent(said.String(), w.ns, "TakenOver") {
		t.Error("no event tells it")
	}
	// It is ours now: what Git drops goes, and its former owner's end is not its end.
	clear(w.git)
	w.commit()
	w.settled()
	if w.exists(&corev1.Secret{}, "legacy") {
		t.Error("it was not pruned")
	}
}
