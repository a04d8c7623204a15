package delivery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/fixtures/cluster"
	"github.com/bulla-dev/bulla/kustomize"
)

// definition is a CRD of a group of the world's own, and an instance of it.
func (w *deliveryWorld) definition() (crd, instance kustomize.Object) {
	crd = w.object(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.%[1]s.example.com}
spec:
  group: %[1]s.example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`)
	instance = w.object("{apiVersion: %[1]s.example.com/v1, kind: Widget, metadata: {name: one, namespace: %[1]s}, spec: {size: 1}}")
	return crd, instance
}

// widenKind lets the placement's account write a kind of its own.
func (w *deliveryWorld) widenKind(instance kustomize.Object) {
	w.widen("the placement defines a kind", writes("apiextensions.k8s.io", "customresourcedefinitions"), writes(instance.GroupVersionKind().Group, "*"))
}

func TestADefinitionAndItsInstanceInOneBuild(t *testing.T) {
	w := newDeliveryWorld(t)
	crd, instance := w.definition()
	w.widenKind(instance)
	w.run()
	w.place("shop", instance, crd, w.seal("db", map[string]string{"password": "one"}))
	w.commit()
	w.settled()
	w.edited(instance, func(u *unstructured.Unstructured) error {
		return unstructured.SetNestedField(u.Object, int64(7), "spec", "size")
	})
	w.heals()

	// Somebody else has an instance: the definition must not take it along.
	theirs := instance.DeepCopy()
	theirs.SetName("theirs")
	w.must(w.client.Create(t.Context(), theirs))
	delete(w.git, "shop")
	w.commit()
	// A server that has just learned a definition may refuse its instances once.
	eventually(t, "the status names what holds the definition", func() error {
		if said := describeConditions(w.reason("shop", "PruneFailed")); !strings.Contains(said, "Widget "+w.ns+"/theirs") {
			return errors.New(said)
		}
		return nil
	})
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs))
	w.must(w.client.Delete(t.Context(), theirs))
	w.settled()
}

func TestADefinitionDeletedBeforeItsInstances(t *testing.T) {
	w := newDeliveryWorld(t)
	crd, instance := w.definition()
	w.widenKind(instance)
	stop := w.run()
	w.place("shop", instance, crd, w.configMap("a", "1"))
	w.commit()
	w.settled()
	stop()
	w.must(w.client.Delete(t.Context(), crd.DeepCopy()))
	eventually(t, "the definition is gone", func() error {
		err := w.client.Get(t.Context(), client.ObjectKeyFromObject(crd), &apiextensionsv1.CustomResourceDefinition{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.New("it stands")
	})
	delete(w.git, "shop")
	w.commit()
	w.run()
	w.settled()
}

func TestANamespaceGoesLastAndOnlyWhenEmptyOfOthersObjects(t *testing.T) {
	w := newDeliveryWorld(t)
	w.widen("the placement makes a namespace and writes into it", writes("", "namespaces", "configmaps"))
	w.run()
	name := "made-by-" + w.ns
	namespace := w.object("{apiVersion: v1, kind: Namespace, metadata: {name: %[2]s}}", name)
	inside := w.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: inside, namespace: %[2]s}, data: {key: x}}", name)
	w.place("shop", inside, namespace, w.configMap("a", "1"))
	w.commit()
	w.settled()
	theirs := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "theirs"}}
	w.must(w.client.Create(t.Context(), theirs))
	delete(w.git, "shop")
	w.commit()
	d := w.reason("shop", "PruneFailed")
	if text := describeConditions(d); !strings.Contains(text, "ConfigMap "+name+"/theirs") {
		t.Errorf("the status does not name what holds the namespace: %s", text)
	}
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs))
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(inside), inside.DeepCopy()); !apierrors.IsNotFound(err) {
		t.Errorf("what is ours inside was not pruned first: %v", err)
	}
	w.must(w.client.Delete(t.Context(), theirs))
	w.settled()
}

func TestAnImmutableSecretIsNotReplacedUnlessItsTemplateAsks(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	immutable := func(template map[string]any) { template["immutable"] = true }
	forced := func(template map[string]any) {
		immutable(template)
		template["metadata"] = map[string]any{"annotations": map[string]any{v1alpha1.ForceAnnotation: "enabled"}}
	}
	w.place("shop", w.seal("db", map[string]string{"password": "one"}, immutable))
	w.commit()
	w.settled()
	standing, versions := w.git["shop"].objects, w.versions()
	w.place("shop", w.seal("db", map[string]string{"password": "two"}, immutable))
	w.commit()
	d := w.reason("shop", v1alpha1.ApplyFailedReason)
	if !strings.Contains(describeConditions(d), v1alpha1.ForceAnnotation) {
		t.Errorf("the status does not say what to do: %s", describeConditions(d))
	}
	w.git["shop"].objects = standing
	w.check()
	if got := w.versions(); got[standing[0].ID().String()] != versions[standing[0].ID().String()] {
		t.Error("the Secret was touched")
	}
	w.place("shop", w.seal("db", map[string]string{"password": "three"}, forced))
	w.commit()
	w.settled()
}

// The file of the placement alone changes: no build does.
func TestAPlacementThatForcesReplacesWhatCannotChange(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	immutable := func(template map[string]any) { template["immutable"] = true }
	w.place("shop", w.seal("db", map[string]string{"password": "one"}, immutable))
	w.commit()
	w.settled()
	stuck := w.place("shop", w.seal("db", map[string]string{"password": "two"}, immutable))
	w.commit()
	w.reason("shop", v1alpha1.ApplyFailedReason)
	stuck.spec.Force = true
	w.commit()
	w.settled()
}

func TestAServiceAccountBoundsWhatItsPlacementWrites(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.must(w.client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "deployer"}}))
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "deployer"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps", "secrets"}, Verbs: []string{"create", "patch", "delete"}}},
	}
	w.must(w.client.Create(t.Context(), role))
	w.must(w.client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "deployer"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "deployer"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: w.ns, Name: "deployer"}},
	}))
	mark := w.mark()
	w.place("shop", w.configMap("a", "1"), w.seal("db", map[string]string{"password": "one"})).spec.ServiceAccountName = "deployer"
	w.place("greedy", w.idle("api", "db")).spec.ServiceAccountName = "deployer"
	w.commit()
	w.reason("greedy", v1alpha1.ApplyFailedReason)
	w.reason("shop", "ReconciliationSucceeded")
	delete(w.git, "greedy")
	w.git["shop"].objects = w.git["shop"].objects[:1]
	w.commit()
	w.settled()
	delete(w.git, "shop")
	w.commit()
	w.settled()
	for _, e := range w.audit(mark) {
		if e.User == chart.Controller && e.Namespace == w.ns && e.Write() && e.ImpersonatedUser != "system:serviceaccount:"+w.ns+":deployer" {
			t.Errorf("written without the service account: %s", e)
		}
	}
}

func TestADependentWaitsForWhatItDependsOn(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("app", w.configMap("app", "1")).spec.DependsOn = []api.PlacementReference{{Name: "base"}}
	w.place("base", w.seal("db", map[string]string{"password": "one"}))
	w.unsealer.set(true)
	w.commit()
	w.reason("base", v1alpha1.KeyServiceUnavailableReason)
	w.reason("app", "DependencyNotReady")
	if w.exists(&corev1.ConfigMap{}, "app") {
		t.Error("the dependent did not wait")
	}
	w.unsealer.set(false)
	w.settled()
}

func TestANewDigestInterruptsTheWaitForHealth(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	stuck := w.deployment("api", "db")
	template := stuck.Object["spec"].(map[string]any)["template"].(map[string]any)
	template["spec"].(map[string]any)["nodeSelector"] = map[string]any{"no": "such-node"}
	w.place("shop", stuck, w.seal("db", map[string]string{"password": "one"}))
	w.commit()
	w.reason("shop", "Progressing")
	if d := w.delivery("shop"); d.Status.AppliedBuildDigest != d.Spec.BuildDigest {
		t.Error("what was applied is not recorded while health is waited for")
	}
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "two"}))
	w.commit()
	w.settled()
}

func TestAnUnhealthyWorkloadIsReportedAndRecovers(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	stuck := w.deployment("api", "db")
	template := stuck.Object["spec"].(map[string]any)["template"].(map[string]any)
	template["spec"].(map[string]any)["nodeSelector"] = map[string]any{"zone": w.ns}
	w.place("shop", stuck, w.seal("db", map[string]string{"password": "one"})).spec.Timeout = &api.Duration{Duration: time.Second}
	w.commit()
	d := w.reason("shop", "HealthCheckFailed")
	if !strings.Contains(describeConditions(d), "Deployment "+w.ns+"/api") {
		t.Errorf("the status does not name the workload: %s", describeConditions(d))
	}
	nodes := &corev1.NodeList{}
	w.must(w.client.List(t.Context(), nodes))
	node := nodes.Items[0].DeepCopy()
	node.Labels["zone"] = w.ns
	w.must(w.client.Patch(t.Context(), node, client.MergeFrom(&nodes.Items[0])))
	w.settled()
}

func TestASecretThatGitDropsWaitsForTheRollout(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	two := w.seal("two", map[string]string{"password": "two"})
	w.place("shop", w.seal("one", map[string]string{"password": "one"}), two, w.deployment("api", "one"))
	w.commit()
	w.settled()
	w.place("shop", two, w.deployment("api", "two"))
	w.commit()
	w.settled()
	d := &appsv1.Deployment{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "api"}, d))
	var rolled, deleted time.Time
	events, err := w.cluster.AuditEvents()
	w.must(err)
	for _, e := range events {
		if e.Namespace != w.ns || !e.Write() {
			continue
		}
		if e.Resource == "secrets" && e.Name == "one" && e.Verb == "delete" {
			deleted = e.Received
		}
		if e.Resource == "pods" && e.Verb == "delete" && e.User != chart.Controller {
			rolled = e.Received // the old pod goes
		}
	}
	if rolled.IsZero() || deleted.IsZero() || deleted.Before(rolled) {
		t.Errorf("the Secret went at %s, the old pod at %s", deleted, rolled)
	}
}

func TestAFightBacksOff(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMap("settings", "1"))
	w.commit()
	w.settled()
	for round := range 4 {
		w.edit(&corev1.ConfigMap{}, "settings", func(o client.Object) {
			o.(*corev1.ConfigMap).Data["key"] = fmt.Sprintf("edit %d", round)
		})
		if round < 3 {
			w.heals()
		}
	}
	w.quiet()
	live := &corev1.ConfigMap{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "settings"}, live))
	if live.Data["key"] != "edit 3" {
		t.Errorf("the fourth edit in a row was reverted at once: %q", live.Data["key"])
	}
	w.heals() // and reverted all the same, later
}

func TestAnObjectThatTwoPlacementsClaimStaysAsItIs(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("first", w.configMap("shared", "1"), w.configMap("a", "1"))
	w.place("second", w.configMap("b", "1"))
	w.commit()
	w.settled()
	versions := w.versions()
	id := w.configMap("shared", "").ID().String()
	w.place("second", w.configMap("b", "1"), w.configMap("shared", "2"))
	w.commit()
	w.reason("first", v1alpha1.ConflictReason)
	w.reason("second", v1alpha1.ConflictReason)
	w.quiet()
	if got := w.versions(); got[id] != versions[id] {
		t.Error("an object that two placements claim was written")
	}
	// The one that had it gives it up: the other gets it, alive.
	w.place("first", w.configMap("a", "1"))
	w.commit()
	w.settled()
	if got := w.versions(); uidOf(got[id]) != uidOf(versions[id]) {
		t.Error("it was deleted on the way")
	}
}

func TestANamespaceThatSomebodyDeletesIsFilledAgain(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", append(w.configMaps("a"), w.seal("db", map[string]string{"password": "one"}))...)
	w.commit()
	w.settled()
	w.unsealer.set(true) // from the kept answers
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}
	w.must(w.client.Delete(t.Context(), namespace))
	eventually(t, "the namespace is gone", func() error {
		err := w.client.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.New("it stands")
	})
	w.must(w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}))
	w.must(w.release.Tenant(t.Context(), w.ns, chart.Deployer)) // its rights went with it
	w.heals()
	w.settled()
}

func TestAnAPIServerThatGoesAwayDuringAnApplyIsSurvived(t *testing.T) {
	w := newDeliveryWorldOn(t, cluster.ForTestOwn(t))
	w.run()
	w.place("shop", append(w.configMaps("a", "b"), w.seal("db", map[string]string{"password": "one"}), w.idle("api", "db"))...)
	w.commit()
	w.settled()
	w.place("shop", append(w.configMaps("a", "c"), w.seal("db", map[string]string{"password": "two"}), w.idle("api", "db"))...)
	w.commit()
	w.must(w.cluster.StopAPIServer(t.Context()))
	w.must(w.cluster.StartAPIServer(t.Context()))
	w.settled()
	w.must(w.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db"}}))
	w.heals() // the watches came back too
}

// edited changes a live object of any kind.
func (w *deliveryWorld) edited(o kustomize.Object, change func(*unstructured.Unstructured) error) {
	w.t.Helper()
	eventually(w.t, "the edit is made", func() error {
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(o.GroupVersionKind())
		w.must(w.client.Get(w.t.Context(), client.ObjectKeyFromObject(o.Unstructured), live))
		w.must(change(live))
		err := w.client.Update(w.t.Context(), live, client.FieldOwner("kubectl-edit"))
		if err != nil && !apierrors.IsConflict(err) {
			w.t.Fatal(err)
		}
		return err
	})
}
