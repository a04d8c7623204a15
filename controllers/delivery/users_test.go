package delivery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/controllers/internal/own"
	"github.com/bulla-dev/bulla/kustomize"
)

// generation of an application: every name in it ends in its letter.
func (w *deliveryWorld) web(letter, selector string) []kustomize.Object {
	return []kustomize.Object{
		w.seal("db-"+letter, map[string]string{"password": letter}),
		w.configMap("settings-"+letter, letter),
		w.object("{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot-%[2]s, namespace: %[1]s}}", letter),
		w.object(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: %[1]s}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      serviceAccountName: robot-%[2]s
%[3]s
      containers:
      - {name: main, image: example.com/app, envFrom: [{configMapRef: {name: settings-%[2]s}}, {secretRef: {name: db-%[2]s}}]}
`, letter, selector),
	}
}

// says waits until a Delivery's Ready condition says all of it.
func (w *deliveryWorld) says(name string, parts ...string) {
	w.t.Helper()
	eventually(w.t, fmt.Sprintf("%s says %q", name, parts), func() error {
		text := describeConditions(w.delivery(name))
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return errors.New(text)
			}
		}
		return nil
	})
}

func TestWhatAPodOfAnOldReplicaSetNamesStays(t *testing.T) {
	w := newDeliveryWorld(t)
	w.maxShare = 100
	w.run()
	old := w.web("a", "")
	shop := w.place("shop", old...)
	w.commit()
	w.settled()

	shop.spec.Timeout = &api.Duration{Duration: 2 * time.Second}
	next := w.web("b", "      nodeSelector: {disk: none-such}")
	shop.objects = next
	w.commit()
	w.says("shop", "HealthCheckFailed", "which Git dropped", "and 2 more, stays: Pod "+w.ns+"/web-", "still names it", "allow.pruneInUse")
	for name, o := range map[string]client.Object{"db-a": &corev1.Secret{}, "settings-a": &corev1.ConfigMap{}, "robot-a": &corev1.ServiceAccount{}} {
		if !w.exists(o, name) {
			t.Errorf("%s went under a pod that names it", name)
		}
	}

	// The rollout ends, and they go, and it is told of each.
	shop.objects = append(append([]kustomize.Object{}, next[:3]...), w.web("b", "")[3])
	w.commit()
	w.settled()
	for _, pruned := range []string{"Secret " + w.ns + "/db-a", "ConfigMap " + w.ns + "/settings-a", "ServiceAccount " + w.ns + "/robot-a"} {
		if !strings.Contains(said.String(), pruned) {
			t.Errorf("nobody was told that %s was pruned", pruned)
		}
	}

	// Git says that it goes all the same.
	shop.spec.Allow = &api.PlacementAllow{PruneInUse: true}
	shop.objects = w.web("c", "      nodeSelector: {disk: none-such}")
	w.commit()
	eventually(t, "what is in use goes", func() error {
		if w.exists(&corev1.Secret{}, "db-b") {
			return errors.New("it stands")
		}
		return nil
	})
}

func TestHealthKnowsWhatAWorkloadReadsAndWhatRests(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	lazy := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "lazy-" + w.ns}, Provisioner: "none.example", VolumeBindingMode: &lazy}
	w.must(w.client.Create(t.Context(), class))
	w.place("base",
		w.object("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: %[1]s}, spec: {accessModes: [ReadWriteOnce], storageClassName: lazy-%[1]s, resources: {requests: {storage: 1Gi}}}}"),
		w.object("{apiVersion: batch/v1, kind: Job, metadata: {name: later, namespace: %[1]s}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: x, image: example.com/x}]}}}}"),
		w.object("{apiVersion: apps/v1, kind: Deployment, metadata: {name: idle, namespace: %[1]s}, spec: {paused: true, selector: {matchLabels: {app: idle}}, template: {metadata: {labels: {app: idle}}, spec: {containers: [{name: x, image: example.com/x}]}}}}"))
	w.place("app", w.deployment("api", "mysql-pass")).spec.DependsOn = []api.PlacementReference{{Name: "base"}}
	w.place("one", w.configMap("one", "1")).spec.DependsOn = []api.PlacementReference{{Name: "two"}}
	w.place("two", w.configMap("two", "1")).spec.DependsOn = []api.PlacementReference{{Name: "one"}}
	w.place("lost", w.configMap("lost", "1")).spec.DependsOn = []api.PlacementReference{{Name: "nowhere"}}
	w.commit()
	w.reason("base", "ReconciliationSucceeded")
	w.says("app", "Secret "+w.ns+"/mysql-pass does not exist, and Deployment "+w.ns+"/api names it at /spec/template/spec")
	w.says("one", "waits for itself: one → two → one", "Stalled=True")
	w.says("lost", "which Git does not place on this cluster", "Stalled=True")

	w.must(w.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "mysql-pass"}}))
	w.ask("app", "look again")
	w.reason("app", "ReconciliationSucceeded")
}

// An inventory that a status does not hold is in Secrets beside it, and comes back
// from there after a restart.
func TestALargeInventoryIsRememberedBesideTheStatus(t *testing.T) {
	w := newDeliveryWorld(t)
	w.maxShare, w.inline = 100, inventory.MaxInline/16 // and a sixteenth of the objects
	stop := w.run()
	var objects []kustomize.Object
	for i := range 40 {
		objects = append(objects, w.configMap(fmt.Sprintf("%s-%d", strings.Repeat("n", 230), i), "1"))
	}
	w.place("shop", objects...)
	w.commit()
	w.reason("shop", "ReconciliationSucceeded")
	d := w.delivery("shop")
	if len(d.Status.InventoryParts) == 0 || len(d.Status.Inventory) != 0 || d.Status.Objects != len(objects) {
		t.Errorf("%d parts, %d entries, %d objects", len(d.Status.InventoryParts), len(d.Status.Inventory), d.Status.Objects)
	}
	stop()
	stop = w.run()
	w.place("shop", objects[:35]...)
	w.commit()
	w.reason("shop", "ReconciliationSucceeded")
	if w.exists(&corev1.ConfigMap{}, objects[39].GetName()) {
		t.Error("what Git dropped after a restart stands")
	}
	stop()

	// Somebody takes the parts away: what carries our label is found again.
	w.must(w.client.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(w.system), client.HasLabels{own.InventoryLabel}))
	w.run()
	delete(w.git, "shop")
	w.commit()
	w.settled()
	left := &corev1.SecretList{}
	w.must(w.client.List(t.Context(), left, client.InNamespace(w.system), client.HasLabels{own.InventoryLabel}))
	if len(left.Items) > 0 {
		t.Errorf("%d parts of a placement that left", len(left.Items))
	}
}
