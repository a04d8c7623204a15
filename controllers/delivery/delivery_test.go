package delivery

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/chart"
)

func TestAnApplicationArrivesSecretFirstAndLeavesWorkloadFirst(t *testing.T) {
	w := newDeliveryWorld(t)
	w.alien(w.configMap("theirs", "x"))
	w.run()
	mark := w.mark()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "correct horse"}), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	before(t, w.order(mark, "patch"), "secrets/db", "deployments/api")

	mark = w.mark()
	delete(w.git, "shop")
	w.commit()
	w.settled()
	before(t, w.order(mark, "delete"), "deployments/api", "secrets/db")
	for _, e := range w.audit(mark) {
		if e.Verb == "delete" && e.Namespace == w.ns && e.User == chart.Controller &&
			(e.Delete == nil || e.Delete.Preconditions == nil || e.Delete.Preconditions.UID == nil || e.Delete.Preconditions.ResourceVersion == nil) {
			t.Errorf("a delete without uid and resourceVersion: %s", e)
		}
	}
	if _, _, kept := w.unsealer.counts(); kept != 0 {
		t.Errorf("%d answers are kept of a placement that left", kept)
	}
}

func TestAnIdlePassCostsNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "x9"}), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	w.quiet()
	mark, versions := w.mark(), w.versions()
	calls, _, _ := w.unsealer.counts()
	w.commit() // a head that moved without touching anything
	w.ask("shop", "1")
	w.settled()
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("objects changed:\n%s", diff)
	}
	if after, _, _ := w.unsealer.counts(); after != calls {
		t.Errorf("unsealed %d times for nothing", after-calls)
	}
	for _, e := range w.audit(mark) {
		if e.Namespace == w.ns && e.User == chart.Controller && (e.Write() || e.Resource == "secrets" && e.Verb == "get") {
			t.Errorf("an idle pass did: %s", e)
		}
	}
}

func TestARestartLooksOnceAndWritesNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "x9"}))
	w.commit()
	w.settled()
	w.quiet()
	stop()
	mark := w.mark()
	calls, _, _ := w.unsealer.counts()
	w.run()
	w.ask("shop", "after the restart")
	w.settled()
	if after, _, _ := w.unsealer.counts(); after != calls {
		t.Error("a restart unsealed")
	}
	if order := w.order(mark, "patch", "update", "create", "delete"); len(order) > 0 {
		t.Errorf("a restart wrote %v", order)
	}
}

func TestAStubWhoseLocksAloneChangedUnsealsNothingAndRollsNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	sealed := w.seal("db", map[string]string{"password": "one"})
	w.place("shop", sealed, w.deployment("api", "db"))
	w.commit()
	w.settled()
	w.quiet()
	calls, _, _ := w.unsealer.counts()
	versions := w.versions()
	w.unsealer.set(true) // even the key service is down
	locked := relock(sealed)
	w.place("shop", locked, w.deployment("api", "db"))
	w.commit()
	w.settled()
	if after, _, _ := w.unsealer.counts(); after != calls {
		t.Errorf("unsealed %d times", after-calls)
	}
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("objects changed:\n%s", diff)
	}
	for _, entry := range w.delivery("shop").Status.Inventory {
		if entry.Content != "" && entry.Stub != locked.Stub.Digest {
			t.Errorf("the inventory has stub %s, Git %s", entry.Stub, locked.Stub.Digest)
		}
	}
}

func TestOneChangedValueUnsealsOneAndRollsItsWorkloadOnce(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	other := w.seal("other", map[string]string{"token": "stays"})
	w.place("shop", w.seal("db", map[string]string{"password": "one"}), other, w.deployment("api", "db"), w.deployment("web", "other"))
	w.commit()
	w.settled()
	w.quiet()
	_, asked, _ := w.unsealer.counts()
	apiBefore, webBefore := w.generation("api"), w.generation("web")
	mark := w.mark()
	w.place("shop", w.seal("db", map[string]string{"password": "two"}), other, w.deployment("api", "db"), w.deployment("web", "other"))
	w.commit()
	w.settled()
	w.quiet()
	if _, after, kept := w.unsealer.counts(); after != asked+1 || kept != 2 {
		t.Errorf("asked for %d values, want 1; %d answers kept, want 2", after-asked, kept)
	}
	if got := w.generation("api"); got != apiBefore+1 {
		t.Errorf("api went from generation %d to %d", apiBefore, got)
	}
	if got := w.generation("web"); got != webBefore {
		t.Errorf("web went from generation %d to %d", webBefore, got)
	}
	if diff := cmp.Diff([]string{"secrets/db", "deployments/api"}, w.written(mark)); diff != "" {
		t.Errorf("written:\n%s", diff)
	}
}

func TestALiveEditIsRevertedWithoutUnsealing(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	w.quiet()
	_, asked, _ := w.unsealer.counts()
	w.unsealer.set(true)
	edits := map[string]func(){
		"a value of a ConfigMap": func() {
			w.edit(&corev1.ConfigMap{}, "settings", func(o client.Object) { o.(*corev1.ConfigMap).Data["key"] = "edited" })
		},
		"a value of a Secret": func() {
			w.edit(&corev1.Secret{}, "db", func(o client.Object) { o.(*corev1.Secret).Data["password"] = []byte("edited") })
		},
		"an annotation of a Secret": func() {
			w.edit(&corev1.Secret{}, "db", func(o client.Object) { delete(o.GetAnnotations(), v1alpha1.ContentAnnotation) })
		},
		"the image of a Deployment": func() {
			w.edit(&appsv1.Deployment{}, "api", func(o client.Object) {
				o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "example.com/edited"
			})
		},
		"the owner label of a ConfigMap": func() {
			w.edit(&corev1.ConfigMap{}, "settings", func(o client.Object) { delete(o.GetLabels(), v1alpha1.OwnerLabel) })
		},
	}
	for what, edit := range edits {
		t.Run(what, func(t *testing.T) {
			edit()
			w.heals()
		})
	}
	if _, after, _ := w.unsealer.counts(); after != asked {
		t.Error("the key service was asked")
	}
}

func TestADeletedObjectComesBackWithTheKeyServiceDown(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	w.unsealer.set(true)
	for _, o := range []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &appsv1.Deployment{}} {
		o.SetNamespace(w.ns)
		o.SetName(map[bool]string{true: "db"}[isSecret(o)])
		if _, ok := o.(*corev1.ConfigMap); ok {
			o.SetName("settings")
		}
		if _, ok := o.(*appsv1.Deployment); ok {
			o.SetName("api")
		}
		w.must(w.client.Delete(t.Context(), o))
		w.heals()
	}
}

func TestAnAdditionOfAnotherControllerStays(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	w.quiet()
	calls, _, _ := w.unsealer.counts()
	w.editAs("their-controller", &corev1.Secret{}, "db", func(o client.Object) { o.GetLabels()["team"] = "theirs" })
	w.editAs("their-controller", &corev1.ConfigMap{}, "settings", func(o client.Object) { o.(*corev1.ConfigMap).Data["added"] = "theirs" })
	versions := w.versions()
	w.ask("shop", "look")
	w.quiet()
	if diff := cmp.Diff(versions, w.versions()); diff != "" {
		t.Errorf("objects changed:\n%s", diff)
	}
	if after, _, _ := w.unsealer.counts(); after != calls {
		t.Error("unsealed for a label that is not bulla's")
	}
}

func TestANewStubHoldsTheApplicationWholeWhileTheKeyServiceIsDown(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("plain", w.configMap("plain", "1"))
	w.place("shop", w.seal("db", map[string]string{"password": "one"}), w.deployment("api", "db"), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	w.quiet()
	versions := w.versions()
	w.unsealer.set(true)
	w.place("plain", w.configMap("plain", "2"))
	standing := w.git["shop"].objects
	w.place("shop", w.seal("db", map[string]string{"password": "two"}), w.deployment("api", "db"), w.configMap("settings", "2"))
	w.commit()
	w.reason("shop", v1alpha1.KeyServiceUnavailableReason)
	w.reason("plain", "ReconciliationSucceeded")
	next := w.git["shop"].objects
	w.git["shop"].objects = standing
	after := w.versions()
	for id, version := range versions {
		if id != w.git["plain"].objects[0].ID().String() && after[id] != version {
			t.Errorf("%s was touched", id)
		}
	}
	w.check()
	w.git["shop"].objects = next
	w.unsealer.set(false)
	w.settled()
}

func TestAnObjectOfSomebodyElseIsLeftUntouched(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.alien(w.object("{apiVersion: v1, kind: Secret, metadata: {name: db, namespace: %[1]s}, stringData: {password: theirs}}"))
	w.alien(w.configMap("settings", "theirs"))
	w.place("shop", w.seal("db", map[string]string{"password": "one"}), w.deployment("api", "db"))
	w.place("plain", w.configMap("settings", "ours"))
	w.commit()
	w.reason("shop", v1alpha1.ConflictReason)
	w.reason("plain", v1alpha1.ConflictReason)
	w.checkForeign()
	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "api"}, &appsv1.Deployment{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the workload came without its secret: %v", err)
	}
	// Git drops them: somebody else's objects stay.
	clear(w.git)
	w.commit()
	w.settled()
}

func TestStubsAloneBesideAnotherFieldManager(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.alien(w.configMap("theirs", "x"))
	flux := w.deployment("api", "db")
	w.must(w.client.Create(t.Context(), flux.DeepCopy(), client.FieldOwner("kustomize-controller")))
	// The other's pods hold the Secret back for the placement's timeout, and no longer.
	w.place("shop-secrets", w.seal("db", map[string]string{"password": "one"})).spec.Timeout = &api.Duration{Duration: 2 * time.Second}
	w.commit()
	w.settled()
	if got := w.generation("api"); got != 1 {
		t.Errorf("the other controller's workload is at generation %d", got)
	}
	delete(w.git, "shop-secrets")
	w.commit()
	w.settled()
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "api"}, &appsv1.Deployment{}))
}

func TestASecretNeedsItsTemplatesPublicData(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	o := w.seal("db", map[string]string{"password": "one"}, func(template map[string]any) {
		template["data"] = map[string]any{"user": base64.StdEncoding.EncodeToString([]byte("admin"))}
	})
	w.place("shop", o)
	w.commit()
	w.reason("shop", "ReconciliationSucceeded")
	live := &corev1.Secret{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "db"}, live))
	if string(live.Data["user"]) != "admin" || len(live.Data["password"]) == 0 || len(live.Data) != 2 {
		t.Errorf("the Secret has %d keys, want template and sealed ones", len(live.Data))
	}
}
