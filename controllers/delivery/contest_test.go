package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/kustomize"
)

// What somebody undoes again and again is not Ready, whatever stands now.
func TestWhatIsUndoneAgainAndAgainIsNotReady(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMap("settings", "1"), w.seal("db", map[string]string{"password": "one"}))
	w.place("other", w.configMap("else", "1"))
	w.commit()
	w.settled()
	for round := range 4 {
		w.edit(&corev1.ConfigMap{}, "settings", func(o client.Object) { o.(*corev1.ConfigMap).Data["key"] = fmt.Sprintf("edit %d", round) })
		if round < 3 {
			w.heals()
		}
	}
	said := message(w.reason("shop", v1alpha1.ContestedReason))
	for _, want := range []string{"ConfigMap " + w.ns + "/settings differs from Git", `changed by "kubectl-edit"`, "after 3 reverts", "the next is at 2"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q does not say %q", said, want)
		}
	}
	w.reason("other", "ReconciliationSucceeded")
	w.heals()
	// It stands again, and nobody can say for how long.
	eventually(t, "the condition says what it was", func() error {
		if said := message(w.delivery("shop")); !strings.Contains(said, "undone again and again") || !strings.Contains(said, "reverted 4 times") {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	if ready(w.delivery("shop")) {
		t.Error("Ready")
	}
}

// TestWhoTakesAProofOffAgainAndAgainFights: what cannot be made beside the object is no reason to
// take each of these for the first look of the process, which blames nobody.
func TestWhoTakesAProofOffAgainAndAgainFights(t *testing.T) {
	w := newDeliveryWorld(t)
	w.alien(w.configMap("theirs", "x"))
	w.run()
	w.place("shop", w.configMap("settings", "1"), w.configMap("theirs", "1"))
	w.commit()
	w.reason("shop", v1alpha1.ConflictReason)
	proof := func() string {
		live := &corev1.ConfigMap{}
		w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "settings"}, live))
		return live.Annotations[v1alpha1.OwnerAnnotation]
	}
	undone, put := 0, true
	for ; undone < 8 && put; undone++ {
		w.editAs("somebody", &corev1.ConfigMap{}, "settings", func(o client.Object) { o.SetAnnotations(nil) })
		put = false
		for range 30 {
			if put = proof() != ""; put {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	if put {
		t.Errorf("it is written %d times at once", undone)
	}
}

// Healing begins the wait for health anew: what is being mended is no failure.
func TestHealingHasItsWholeTimeout(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.deployment("web", "db"), w.seal("db", map[string]string{"password": "one"})).spec.Timeout = &api.Duration{Duration: 3 * time.Second}
	w.commit()
	w.settled()
	time.Sleep(3 * time.Second) // the clock of the revision is over
	before := len(said.String())
	w.must(w.client.Delete(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "web"}}))
	w.heals()
	eventually(t, "it is well again", w.settledNow)
	text := said.String()[before:]
	if i := strings.Index(text, "DriftReverted"); i >= 0 {
		end := strings.Index(text[i:], "HealthCheckFailed")
		progress := strings.Index(text[i:], "Progressing")
		if end >= 0 && (progress < 0 || end < progress) {
			t.Error("the first thing said of a healed workload is that its health failed")
		}
	}
}

func TestAdditionsByHandAreTakenBack(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.idle("api", "db"), w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1"))
	w.commit()
	w.settled()
	w.quiet()
	api := w.git["shop"].objects[0]
	for what, add := range map[string]func(){
		"a key of a ConfigMap": func() {
			w.edit(&corev1.ConfigMap{}, "settings", func(o client.Object) { o.(*corev1.ConfigMap).Data["added"] = "x" })
		},
		"a key of a sealed Secret": func() {
			w.edit(&corev1.Secret{}, "db", func(o client.Object) { o.(*corev1.Secret).Data["added"] = []byte("x") })
		},
		"an environment variable": func() {
			w.edited(api, func(u *unstructured.Unstructured) error {
				return addTo(u, "env", map[string]any{"name": "ADDED", "value": "x"})
			})
		},
		"a container": func() {
			w.edited(api, func(u *unstructured.Unstructured) error {
				return addTo(u, "", map[string]any{"name": "added", "image": "x"})
			})
		},
		"an annotation": func() {
			w.edited(api, func(u *unstructured.Unstructured) error {
				return unstructured.SetNestedField(u.Object, "x", "metadata", "annotations", "added")
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			add()
			eventually(t, "it is taken back", func() error {
				for _, o := range []kustomize.Object{api, w.git["shop"].objects[1], w.git["shop"].objects[2]} {
					live := &unstructured.Unstructured{}
					live.SetGroupVersionKind(o.GroupVersionKind())
					w.must(w.client.Get(t.Context(), client.ObjectKeyFromObject(o.Unstructured), live))
					unstructured.RemoveNestedField(live.Object, "metadata", "managedFields")
					if text := fmt.Sprint(live.Object); strings.Contains(strings.ToLower(text), "added") {
						return fmt.Errorf("%s has it", o.GetName())
					}
				}
				return nil
			})
		})
	}
	// A controller that adds a key to a sealed Secret is told off as well.
	w.editAs("injector", &corev1.Secret{}, "db", func(o client.Object) { o.(*corev1.Secret).Data["injected"] = []byte("x") })
	w.heals()
	if !containsEvent(said.String(), w.ns, `had been changed by "kubectl-edit"`) {
		t.Error("nobody is told who it was")
	}
}

func addTo(u *unstructured.Unstructured, field string, item map[string]any) error {
	path := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(u.Object, path...)
	if err != nil {
		return err
	}
	if field == "" {
		return unstructured.SetNestedSlice(u.Object, append(containers, item), path...)
	}
	containers[0].(map[string]any)[field] = []any{item}
	return unstructured.SetNestedSlice(u.Object, containers, path...)
}

// A Job that the cluster takes away once it ended runs once for each template in
// Git, through restarts and backstops.
func TestAJobRunsOnceForEachTemplateInGit(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	job := func(name, image string, labels string, ttl string) kustomize.Object {
		return w.object(`{apiVersion: batch/v1, kind: Job, metadata: {name: %[2]s, namespace: %[1]s, labels: {%[4]s}},
			spec: {backoffLimit: 1, %[5]s template: {spec: {restartPolicy: Never, containers: [{name: m, image: %[3]q}]}}}}`, name, image, labels, ttl)
	}
	runs := func() (pods int) {
		events, err := w.cluster.AuditEvents()
		w.must(err)
		for _, e := range events {
			if e.Namespace == w.ns && e.Resource == "pods" && e.Subresource == "" && e.Verb == "create" && e.Write() {
				pods++
			}
		}
		return pods
	}
	const ttl = "ttlSecondsAfterFinished: 0,"
	w.place("shop", job("warmup", "m:1", "a: b", ttl), job("once", "m:1", "a: b", ""), w.configMap("a", "1"))
	w.commit()
	isGone := func(name string) func() error {
		return func() error {
			if w.exists(&batchv1.Job{}, name) {
				return errNotYet
			}
			return nil
		}
	}
	eventually(t, "the Job ended and is taken away", isGone("warmup"))
	w.reason("shop", "ReconciliationSucceeded")
	// A Job that is deleted before its end was seen was deleted while it ran.
	eventually(t, "the end of the other is remembered", func() error {
		for _, entry := range w.delivery("shop").Status.Inventory {
			if strings.Contains(entry.ID, "once") && entry.Run != nil && entry.Run.Ended == apply.RunComplete {
				return nil
			}
		}
		return errNotYet
	})
	w.must(w.client.Delete(t.Context(), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "once"}}, client.PropagationPolicy(metav1.DeletePropagationBackground)))
	w.ask("shop", "backstop")
	w.still("shop")
	stop()
	w.run()
	w.ask("shop", "after a restart")
	w.still("shop")
	d := w.delivery("shop")
	if said := message(d); !strings.Contains(said, "1 object stands") || !strings.Contains(said, "ran to the end, and gone: Job "+w.ns+"/once, Job "+w.ns+"/warmup") {
		t.Errorf("the status says %q", said)
	}
	if d.Status.Objects != 1 {
		t.Errorf("the status counts %d objects", d.Status.Objects)
	}
	if got := runs(); got != 2 {
		t.Errorf("two Jobs made %d pods", got)
	}
	// A label is no template; an image is one.
	w.place("shop", job("warmup", "m:1", "a: c", ttl), job("once", "m:2", "a: b", ""), w.configMap("a", "1"))
	w.commit()
	eventually(t, "what has another template runs again", func() error {
		if runs() < 3 {
			return errNotYet
		}
		return nil
	})
	w.reason("shop", "ReconciliationSucceeded")
	w.still("shop")
	if got := runs(); got != 3 {
		t.Errorf("one Job of two has another template, and there are %d pods", got)
	}
	clear(w.git)
	w.commit()
	w.settled()
}

// still waits until a Delivery's status does not move for a moment.
func (w *deliveryWorld) still(name string) {
	w.t.Helper()
	stays(w.t, func() string { return w.delivery(name).ResourceVersion })
}
