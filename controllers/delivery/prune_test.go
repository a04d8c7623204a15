package delivery

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/kustomize"
)

func (w *deliveryWorld) configMaps(names ...string) []kustomize.Object {
	var out []kustomize.Object
	for _, name := range names {
		out = append(out, w.configMap(name, "1"))
	}
	return out
}

// across gives a placement several namespaces.
func (a *app) across(namespaces ...string) *app {
	a.spec.TargetNamespace, a.spec.Namespaces = "", namespaces
	return a
}

func (w *deliveryWorld) exists(o client.Object, name string) bool {
	w.t.Helper()
	err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o)
	w.must(client.IgnoreNotFound(err))
	return err == nil && o.GetDeletionTimestamp() == nil
}

func TestWhatGitDropsIsPruned(t *testing.T) {
	w := newDeliveryWorld(t)
	w.alien(w.configMap("theirs", "x"))
	w.run()
	w.place("shop", append(w.configMaps("a", "b", "c"), w.seal("db", map[string]string{"password": "one"}))...)
	w.commit()
	w.settled()
	w.place("shop", w.configMaps("a", "c")...)
	w.commit()
	w.settled()
	if _, _, kept := w.unsealer.counts(); kept != 0 {
		t.Errorf("%d answers are kept of a secret that left", kept)
	}
}

func TestAFailingPlacementHoldsDeletesInItsNamespacesOnly(t *testing.T) {
	w := newDeliveryWorld(t)
	other := w.tenant()
	w.must(w.release.Reach(t.Context(), w.ns, chart.Deployer, other))
	w.run()
	elsewhere := w.object("{apiVersion: v1, kind: ConfigMap, metadata: {name: elsewhere, namespace: %[2]s}, data: {key: x}}", other)
	w.place("shop", append(w.configMaps("a", "b"), elsewhere)...).across(w.ns, other)
	w.place("broken", w.configMaps("mine")...)
	w.commit()
	w.settled()

	broken := w.git["broken"]
	broken.err = &kustomize.BuildError{Placement: "broken", Problem: "a base is missing"}
	w.place("shop", w.configMaps("a")...).across(w.ns, other)
	w.commit()
	w.reason("broken", "BuildFailed")
	eventually(t, "the object elsewhere is gone", func() error {
		err := w.client.Get(t.Context(), client.ObjectKeyFromObject(elsewhere), &corev1.ConfigMap{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.New("it stands")
	})
	w.quiet()
	if !w.exists(&corev1.ConfigMap{}, "b") || !w.exists(&corev1.ConfigMap{}, "mine") {
		t.Error("a failing placement did not hold deletes in its namespace")
	}
	if d := w.reason("shop", "ReconciliationSucceeded"); !strings.Contains(describeConditions(d), "broken") {
		t.Errorf("the status does not say what holds: %s", describeConditions(d))
	}
	broken.err = nil
	w.commit()
	w.settled()
}

func TestAnIncompleteSnapshotDeletesNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("a", "b")...)
	w.place("left", w.configMaps("c")...)
	w.commit()
	w.settled()
	w.holdAll = true
	w.place("shop", w.configMaps("a")...)
	delete(w.git, "left")
	w.commit()
	w.reason("shop", "ReconciliationSucceeded")
	w.reason("left", v1alpha1.DeprovisioningReason)
	w.quiet()
	if !w.exists(&corev1.ConfigMap{}, "b") || !w.exists(&corev1.ConfigMap{}, "c") {
		t.Error("deleted from an incomplete snapshot")
	}
	w.holdAll = false
	w.commit()
	w.settled()
}

func TestASuspendedClusterPrunesNothingAndHeals(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", append(w.configMaps("a"), w.seal("db", map[string]string{"password": "one"}))...)
	w.commit()
	w.settled()
	w.suspended = true
	w.unsealer.set(true)
	w.commit()
	w.must(w.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db"}}))
	w.heals()
	w.check()
}

func TestASuspendedDeliveryIsLeftAlone(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("a", "b")...)
	w.commit()
	w.settled()
	w.writeSpec(w.delivery("shop"), func(s *v1alpha1.DeliverySpec) { s.Suspend = true })
	versions := w.versions()
	w.place("shop", w.configMap("a", "2"))
	w.commit()
	w.quiet()
	if got := w.versions(); got[w.git["shop"].objects[0].ID().String()] != versions[w.git["shop"].objects[0].ID().String()] {
		t.Error("a suspended delivery was applied")
	}
	delete(w.git, "shop")
	w.commit()
	w.quiet()
	if !w.exists(&corev1.ConfigMap{}, "b") {
		t.Error("a suspended delivery was pruned")
	}
	w.writeSpec(w.delivery("shop"), func(s *v1alpha1.DeliverySpec) { s.Suspend = false })
	w.settled()
}

func TestAnObjectMovesBetweenPlacementsAlive(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	sealed := w.seal("db", map[string]string{"password": "one"})
	w.place("from", append(w.configMaps("a"), sealed)...)
	w.place("to", w.configMaps("b")...)
	w.commit()
	w.settled()
	uid := strings.Split(w.versions()[sealed.ID().String()], "@")[0]
	w.place("from", w.configMaps("a")...)
	w.place("to", append(w.configMaps("b"), sealed)...)
	w.commit()
	w.settled()
	if got := strings.Split(w.versions()[sealed.ID().String()], "@")[0]; got != uid {
		t.Error("the object was deleted and made anew")
	}
	// The whole placement moves: the removed one must not take the object along.
	delete(w.git, "to")
	w.place("from", append(w.configMaps("a", "b"), sealed)...)
	w.commit()
	w.settled()
	if got := strings.Split(w.versions()[sealed.ID().String()], "@")[0]; got != uid {
		t.Error("the removed placement deleted what had moved")
	}
}

func TestAnObjectThatNeverArrivesAtItsNewPlacementIsNotForgotten(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("from", w.configMaps("a", "moves")...)
	w.place("to", w.configMaps("b")...)
	w.commit()
	w.settled()
	w.unsealer.set(true)
	w.place("from", w.configMaps("a")...)
	w.place("to", append(w.configMaps("b", "moves"), w.seal("db", map[string]string{"password": "one"}))...)
	w.commit()
	w.reason("to", v1alpha1.KeyServiceUnavailableReason)
	w.reason("from", "ReconciliationSucceeded")
	if !w.exists(&corev1.ConfigMap{}, "moves") {
		t.Error("it was deleted on the way")
	}
	w.place("to", w.configMaps("b")...)
	w.commit()
	w.settled()
}

func TestAnInventoryThatSomebodyEditedDeletesNothingOfOthers(t *testing.T) {
	w := newDeliveryWorld(t)
	w.alien(w.configMap("theirs", "x"))
	w.run()
	w.place("shop", w.configMaps("a")...)
	w.place("other", w.configMaps("b")...)
	w.commit()
	w.settled()
	d := w.delivery("shop")
	next := d.DeepCopy()
	for _, name := range []string{"theirs", "b"} {
		live := &corev1.ConfigMap{}
		w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, live))
		id := ObjectID{Kind: "ConfigMap", Namespace: w.ns, Name: name}
		next.Status.Inventory = append(next.Status.Inventory, v1alpha1.InventoryEntry{ID: inventory.Format(id), Version: "v1", UID: string(live.UID)})
	}
	w.must(w.client.Status().Patch(t.Context(), next, client.MergeFrom(d)))
	delete(w.git, "shop")
	w.commit()
	w.settled()
}

func TestADeletedDeliveryOrphansItsObjectsAndTheyAreAdoptedAgain(t *testing.T) {
	w := newDeliveryWorld(t)
	w.alien(w.configMap("theirs", "x"))
	w.run()
	sealed := w.seal("db", map[string]string{"password": "one"})
	w.place("shop", append(w.configMaps("a", "b"), sealed, w.deployment("api", "db"))...)
	w.commit()
	w.settled()
	w.quiet()
	versions := w.versions()
	w.must(w.client.Delete(t.Context(), w.delivery("shop")))
	eventually(t, "the delivery is gone", func() error {
		if err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.system, Name: "shop"}, &v1alpha1.Delivery{}); !apierrors.IsNotFound(err) {
			return errors.New("it stands")
		}
		return nil
	})
	for id, version := range w.versions() {
		if strings.Split(version, "@")[0] != strings.Split(versions[id], "@")[0] {
			t.Errorf("%s did not outlive its delivery", id)
		}
	}
	// Git moved on meanwhile: what left must be found by its label.
	w.place("shop", append(w.configMaps("a"), sealed, w.deployment("api", "db"))...)
	w.commit()
	w.settled()
}

func TestADeliveryDeletedAfterItsPlacementLeftIsNotForgotten(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	w.place("shop", append(w.configMaps("a", "b"), w.seal("db", map[string]string{"password": "one"}))...)
	w.commit()
	w.settled()
	stop()
	// The status is wiped while nobody looks.
	d := w.delivery("shop")
	next := d.DeepCopy()
	next.Status = v1alpha1.DeliveryStatus{}
	w.must(w.client.Status().Patch(t.Context(), next, client.MergeFrom(d)))
	delete(w.git, "shop")
	w.commit()
	w.run()
	w.settled()
}

func TestAPlacementThatDoesNotPruneLeavesItsObjects(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("a", "b")...).spec.Prune = ptr.To(false)
	w.commit()
	w.settled()
	delete(w.git, "shop")
	w.commit()
	eventually(t, "the delivery is gone", w.settledNow)
	if !w.exists(&corev1.ConfigMap{}, "a") || !w.exists(&corev1.ConfigMap{}, "b") {
		t.Error("pruned against the placement's will")
	}
}

func TestAnObjectThatOptsOutStays(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	keep := w.configMap("keep", "1")
	keep.SetAnnotations(map[string]string{v1alpha1.PruneAnnotation: "disabled"})
	w.place("shop", append(w.configMaps("a"), keep)...)
	w.commit()
	w.settled()
	delete(w.git, "shop")
	w.commit()
	eventually(t, "the delivery is gone", w.settledNow)
	if !w.exists(&corev1.ConfigMap{}, "keep") || w.exists(&corev1.ConfigMap{}, "a") {
		t.Error("the annotation was not obeyed, or obeyed by its neighbour")
	}
}

func TestADeniedDeleteStaysInTheInventoryAndIsTriedAgain(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", append(w.configMaps("a"), w.seal("db", map[string]string{"password": "correct horse"}))...)
	w.commit()
	w.settled()
	allow := w.denyDeletes("'may not delete ' + string(oldObject.data['password'])")
	w.place("shop", w.configMaps("a")...)
	w.commit()
	d := w.reason("shop", "PruneFailed")
	if text := describeConditions(d); strings.Contains(text, "may not delete") || !strings.Contains(text, "Secret "+w.ns+"/db") {
		t.Errorf("the text of the API server about a Secret passes, or the object is not named: %s", text)
	}
	if !slices.ContainsFunc(d.Status.Inventory, func(e v1alpha1.InventoryEntry) bool { return strings.Contains(e.ID, "_db_") }) {
		t.Error("the inventory forgot an object that stands")
	}
	w.checkStatuses()
	allow()
	w.settled()
}

// A Namespace that the account may not write is in the inventory before it is applied.
// Somebody made it: once Git drops it, what it holds keeps nobody waiting.
func TestANamespaceOfSomebodyElseHoldsNoPrune(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	theirs := w.object("{apiVersion: v1, kind: Namespace, metadata: {name: %[1]s-theirs}}")
	w.place("shop", append(w.configMaps("a"), theirs)...).across(w.ns, theirs.GetName())
	w.commit()
	if said := describeConditions(w.reason("shop", "ApplyFailed")); !strings.Contains(said, "operations/accounts.md") {
		t.Errorf("nothing says what to do: %s", said)
	}
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: theirs.GetName()}}
	w.must(w.client.Create(t.Context(), made))
	inIt := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: made.Name, Name: "theirs"}}
	w.must(w.client.Create(t.Context(), inIt))
	w.place("shop", w.configMaps("a")...)
	w.commit()
	w.settled()
	w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(made), made))
	if made.DeletionTimestamp != nil {
		t.Error("a Namespace of somebody else was deleted")
	}
}

// What Git drops may fail to go for long: whether the rest is well is told meanwhile.
func TestHealthIsToldWhileAPruneFails(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", append(w.configMaps("a"), w.seal("db", map[string]string{"password": "one"}))...)
	w.commit()
	w.settled()
	allow := w.denyDeletes("'no'")
	ill := w.deployment("ill", "nothing")
	w.place("shop", append(w.configMaps("a"), ill)...)
	w.commit()
	d := w.reason("shop", "PruneFailed")
	if c := conditions.Get(d, meta.HealthyCondition); c == nil || c.Status == metav1.ConditionTrue {
		t.Errorf("Healthy is %+v, and a Deployment has no pod", c)
	}
	allow()
}

// denyDeletes denies deletes of Secrets in the world's namespace by a policy
// whose message is a CEL expression; the answer ends it.
func (w *deliveryWorld) denyDeletes(message string) (allow func()) {
	w.t.Helper()
	name := "deny-" + w.ns
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Delete},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: "denied", MessageExpression: message}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources: &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{
				MatchLabels: map[string]string{"kubernetes.io/metadata.name": w.ns},
			}},
		},
	}
	w.must(w.client.Create(w.t.Context(), policy))
	w.must(w.client.Create(w.t.Context(), binding))
	remove := func() {
		w.must(client.IgnoreNotFound(w.client.Delete(w.t.Context(), binding)))
		w.must(client.IgnoreNotFound(w.client.Delete(w.t.Context(), policy)))
	}
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "probe"}, Data: map[string][]byte{"password": nil}}
	w.must(w.client.Create(w.t.Context(), probe))
	eventually(w.t, "the policy denies", func() error {
		if err := w.client.Delete(w.t.Context(), probe, client.DryRunAll); err == nil {
			return errors.New("a delete is allowed")
		}
		return nil
	})
	return func() {
		remove()
		eventually(w.t, "the policy is gone", func() error {
			return client.IgnoreNotFound(w.client.Delete(w.t.Context(), probe))
		})
	}
}
