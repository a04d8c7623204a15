package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// closed is a window that opens in half a year, open one that is never closed.
func closed() []api.PlacementWindow {
	month := time.Now().AddDate(0, 6, 0).Month()
	return []api.PlacementWindow{{Schedule: fmt.Sprintf("0 0 1 %d *", month), Duration: api.Duration{Duration: time.Hour}}}
}

func open() []api.PlacementWindow {
	return []api.PlacementWindow{{Schedule: "* * * * *", Duration: api.Duration{Duration: time.Hour}}}
}

// gone waits until a live object is gone.
func (w *deliveryWorld) gone(o client.Object, name string) {
	w.t.Helper()
	eventually(w.t, name+" is gone", func() error {
		err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it stands: %w", err)
	})
}

// TestAWindowHoldsChangesAndNothingElse: what is new waits, and what it drops waits with
// it; what Git revoked goes, and what stood is healed.
func TestAWindowHoldsChangesAndNothingElse(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	stood := []kustomize.Object{
		w.seal("db", map[string]string{"password": "one"}), w.deployment("api", "db"), w.configMap("settings", "1"),
		w.deployment("web", "db"),
	}
	w.place("shop", append([]kustomize.Object{w.seal("revoked", map[string]string{"token": "x"}),
		w.configMap("dropped", "1")}, stood...)...)
	w.commit()
	w.settled()

	w.place("shop", w.seal("db", map[string]string{"password": "two"}), stood[1], w.configMap("settings", "2"),
		w.deployment("web-next", "db")).spec.Windows = closed()
	revision := w.commit()
	d := w.reason("shop", v1alpha1.WaitingForWindowReason)
	message := conditions.GetMessage(d, meta.ReadyCondition)
	if !strings.HasPrefix(message, revision+" waits: the next window opens at ") {
		t.Errorf("the condition says %q", message)
	}
	w.gone(&corev1.Secret{}, "revoked")
	stood = append(stood, w.configMap("dropped", "1"))
	held := func() {
		t.Helper()
		w.lose(stood, map[string]client.Object{"dropped": &corev1.ConfigMap{}})
		w.lose(stood, map[string]client.Object{"db": &corev1.Secret{}, "api": &appsv1.Deployment{},
			"settings": &corev1.ConfigMap{}, "web": &appsv1.Deployment{}})
		w.gone(&appsv1.Deployment{}, "web-next")
		w.reason("shop", v1alpha1.WaitingForWindowReason)
	}
	held()
	stop()
	w.run()
	held()

	// What never stood here is a change too.
	w.place("late", w.configMap("late", "1")).spec.Windows = closed()
	w.commit()
	w.reason("late", v1alpha1.WaitingForWindowReason)
	w.gone(&corev1.ConfigMap{}, "late")

	w.git["shop"].spec.Windows, w.git["late"].spec.Windows = open(), open()
	w.commit()
	w.settled()
	w.gone(&appsv1.Deployment{}, "web")
	w.gone(&corev1.ConfigMap{}, "dropped")

	// A placement that leaves waits for no window.
	w.git["shop"].spec.Windows = closed()
	w.commit()
	delete(w.git, "shop")
	w.commit()
	w.settled()
	w.gone(&corev1.Secret{}, "db")
}

// TestABuildThatOnlyTakesAwayWaitsForNothing: neither for a window nor for a wave, be it
// plain or sealed.
func TestABuildThatOnlyTakesAwayWaitsForNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	service := newTurns()
	w.pacer = service
	w.run()
	db, settings := w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1")
	first := []kustomize.Object{db, settings, w.configMap("plain", "1"), w.deployment("web", "db")}
	service.set(false, buildDigestOf(first))
	a := w.place("shop", first...)
	a.spec.Windows, a.spec.Rollout = open(), &api.PlacementRollout{Paused: true}
	w.commit()
	w.settled()

	next := []kustomize.Object{db, settings}
	a.objects, a.spec.Windows = next, closed()
	w.commit()
	w.settled()
	w.gone(&corev1.ConfigMap{}, "plain")
	w.gone(&appsv1.Deployment{}, "web")

	// A change beside it makes it a release.
	a.objects = []kustomize.Object{w.configMap("settings", "2")}
	w.commit()
	w.reason("shop", v1alpha1.WaitingForWindowReason)
	w.gone(&corev1.Secret{}, "db")
	a.objects = []kustomize.Object{settings}
	w.commit()
	w.settled()
	if asked := service.count(buildDigestOf(next)); asked != 0 {
		t.Errorf("it asked for its turn %d times", asked)
	}
}

// TestAHeldWorkloadKeepsItsSecret: what may not come yet must not take away what runs
// instead of it, though Git has pruneInUse; the end of its grant does.
func TestAHeldWorkloadKeepsItsSecret(t *testing.T) {
	w := newDeliveryWorld(t)
	w.maxShare = 100
	stop := w.run()
	db, cron := w.seal("db", map[string]string{"password": "one"}), w.nightly("report", "db")
	forced := w.seal("forced", map[string]string{"token": "x"})
	forced.SetAnnotations(map[string]string{v1alpha1.PruneAnnotation: v1alpha1.PruneForce})
	a := w.place("shop", db, cron, w.seal("revoked", map[string]string{"token": "x"}), w.configMap("settings", "1"),
		forced, w.nightly("needs", "forced"))
	a.spec.Allow = &api.PlacementAllow{PruneInUse: true}
	a.spec.Timeout = &api.Duration{Duration: time.Second}
	w.commit()
	w.settled()

	// Another kind takes the place of the CronJob, and reads another secret.
	next := []kustomize.Object{w.seal("db-next", map[string]string{"password": "two"}),
		w.deployment("report", "db-next")}
	a.objects, a.spec.Windows = next, closed()
	w.commit()
	w.gone(&corev1.Secret{}, "revoked")
	w.gone(&corev1.Secret{}, "forced") // Git's word on the object itself
	keeps := func() {
		t.Helper()
		w.says("shop", v1alpha1.WaitingForWindowReason, "Secret "+w.ns+"/db, which Git dropped, stays: CronJob "+w.ns+
			"/report still names it")
		if !w.exists(&corev1.Secret{}, "db") || !w.exists(&batchv1.CronJob{}, "report") ||
			!w.exists(&batchv1.CronJob{}, "needs") || !w.exists(&corev1.ConfigMap{}, "settings") ||
			w.exists(&appsv1.Deployment{}, "report") {
			t.Error("what is held lost what it runs with, or came")
		}
	}
	keeps()
	stop()
	w.run()
	w.ask("shop", "again") // or the status is the last process's
	keeps()

	a.spec.Windows = open()
	w.commit()
	w.settled()
	w.gone(&corev1.Secret{}, "db")
	w.gone(&batchv1.CronJob{}, "report")

	// Its grant ends: the placement leaves, and no window keeps anything.
	a.objects, a.spec.Windows = []kustomize.Object{next[0], cron}, closed()
	w.commit()
	w.reason("shop", v1alpha1.WaitingForWindowReason)
	delete(w.git, "shop")
	w.commit()
	w.settled()
	w.gone(&corev1.Secret{}, "db-next")
}

// nightly is a workload that has no pod by day.
func (w *deliveryWorld) nightly(name, secret string) kustomize.Object {
	return w.object(`
apiVersion: batch/v1
kind: CronJob
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  schedule: "0 3 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: example.com/app, envFrom: [{secretRef: {name: %[3]s}}]}]
`, name, secret)
}
