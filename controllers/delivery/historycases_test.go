package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
)

// What histories met, step by step.

// standsOf says what of a history lives by name, of one kind.
func (h *history) standsOf(kind client.Object, names ...string) {
	h.t.Helper()
	for _, name := range names {
		if !h.exists(kind, name) {
			h.t.Errorf("%s is gone:\n%s", name, strings.Join(h.trail, "\n"))
		}
	}
}

// TestConsentToAMoveLetsNothingGoThatIsDroppedLater: nobody takes what moved, and where it
// moved to it is dropped. The Delivery that has it was told of the move alone, and its
// condition names what to consent to now.
func TestConsentToAMoveLetsNothingGoThatIsDroppedLater(t *testing.T) {
	for where, consent := range map[string]func(h *history, revision string){
		"typed": func(h *history, revision string) {
			h.consent("shop", func(*v1alpha1.Delivery) string { return revision })
		},
		"in Git": func(h *history, revision string) {
			h.change("fleet.yaml consents", func() { h.deliveryWorld.consent = revision })
		},
	} {
		t.Run(where, func(t *testing.T) {
			h := newHistory(t, newModelServer(t), 1)
			var moves []kustomize.Object
			for _, name := range []string{"rules", "texts", "extra"} {
				moves = append(moves, h.configMap(name, "1"))
			}
			stays := h.configMap("conf", "1")
			h.change("shop has all", func() { h.place("shop", append(moves, stays)...) })
			h.rests()
			h.change("they move, and wait", func() {
				h.place("shop", stays)
				h.place("other", moves...).spec.Windows = closed()
			})
			moved := h.snapshots.Load().Revision
			h.rests()
			consent(h, moved)
			h.change("other drops them", func() { h.place("other") })
			dropped := h.snapshots.Load().Revision
			h.rests()
			h.standsOf(&corev1.ConfigMap{}, "rules", "texts", "extra")
			d := h.delivery("shop")
			if text := describeConditions(d); d.Spec.Revision != moved || count(d, v1alpha1.PruneBlockedReason) == 0 ||
				!strings.Contains(text, v1alpha1.ConsentAnnotation+"="+dropped+" ") {
				t.Errorf("told %s, wants consent to %s: %s", d.Spec.Revision, dropped, text)
			}
			consent(h, dropped)
			h.rests()
			h.rules.equal()
		})
	}
}

// TestWhatComesBackWhileItGoesWaitsForItsTime: a build brings back a workload that is
// being deleted, and drops something else. It gives something, and so waits as a whole;
// also where the process died at any write of the removal.
func TestWhatComesBackWhileItGoesWaitsForItsTime(t *testing.T) {
	for died := range 5 {
		t.Run(fmt.Sprint(died), func(t *testing.T) {
			h := newHistory(t, newModelServer(t), 1)
			worker, cache, rules := h.build("worker"), h.build("cache"), h.configMap("rules", "1")
			h.change("shop begins", func() { h.place("shop", worker, cache, rules) })
			h.rests()
			h.change("the worker goes", func() { h.place("shop", cache, rules) })
			if died > 0 {
				h.starts(&saboteur{kind: dies, at: died})
			}
			live := worker.DeepCopy()
			for range 2 { // one may have died before the deletion
				if h.exists(live, "worker") {
					h.pass("shop")
				}
			}
			h.must(h.client.Get(h.ctx, client.ObjectKeyFromObject(live), live))
			if live.GetDeletionTimestamp() == nil {
				t.Fatal("the worker does not go")
			}
			h.change("the worker is back, and waits", func() {
				h.place("shop", worker, cache).spec.Windows = closed()
			})
			for range 3 {
				h.pass("shop")
				h.standsOf(&corev1.ConfigMap{}, "rules")
				h.podsEnd()
			}
			if d := h.delivery("shop"); count(d, v1alpha1.WaitingForWindowReason) == 0 || h.exists(live, "worker") {
				t.Errorf("it does not wait: %s", describeConditions(d))
			}
			h.change("it may come", func() { h.git["shop"].spec.Windows = nil })
			h.rests()
			h.rules.equal()
		})
	}
}

// TestWhatIsGivenToAnotherWhileItGoesComesBeforeAnythingLeaves: a workload is on its way out
// when Git gives it to another placement, which applies to it. Its time is that of the first
// apply. It goes, and the next build, of a closed window, drops nothing before it is there:
// which is at once, since the build that gave it began when it might.
func TestWhatIsGivenToAnotherWhileItGoesComesBeforeAnythingLeaves(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	worker, rules, texts := h.build("worker"), h.configMap("rules", "1"), h.configMap("texts", "1")
	h.change("shop has it", func() { h.place("shop", worker, rules) })
	h.rests()
	h.change("it goes", func() { h.place("shop", rules) })
	h.pass("shop")
	h.change("other has it", func() { h.place("other", worker, texts) })
	for range 4 { // its pods do not end
		h.pass("other")
		h.clock = h.clock.Add(40 * time.Second)
	}
	d := h.delivery("other")
	if entry := inventory.Read(d.Status.Inventory)[worker.ID()]; entry.UID == "" || entry.Applied != "" {
		t.Errorf("it goes, and the inventory has it as %+v", entry)
	}
	if count(d, meta.HealthCheckFailedReason) == 0 {
		t.Errorf("it is waited for without end: %s", describeConditions(d))
	}
	h.change("other's changes wait", func() { h.place("other", worker).spec.Windows = closed() })
	h.pass("other")
	h.standsOf(&corev1.ConfigMap{}, "texts")
	h.podsEnd()
	if d = h.delivery("other"); count(d, v1alpha1.WaitingForWindowReason) == 0 || h.exists(worker.DeepCopy(), "worker") {
		t.Errorf("it does not wait: %s", describeConditions(d))
	}
	h.pass("other")
	h.standsOf(worker.DeepCopy(), "worker")
	h.standsOf(&corev1.ConfigMap{}, "texts")
	h.rests()
	h.rules.equal()
}

// TestWhatGitGivesBackIsNoFight: Git gives an object to another placement and back, again and
// again. Each time it is here at once, and nobody is said to have changed it.
func TestWhatGitGivesBackIsNoFight(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	moves, stays := h.configMap("moves", "1"), h.configMap("stays", "1")
	for range 6 {
		h.change("shop has it", func() { h.place("other", h.configMap("rules", "1")); h.place("shop", stays, moves) })
		h.pass("shop")
		live := &corev1.ConfigMap{}
		h.must(h.client.Get(h.ctx, client.ObjectKey{Namespace: h.ns, Name: "moves"}, live))
		if owner := live.Labels[v1alpha1.OwnerLabel]; owner != "shop" {
			t.Fatalf("it is %q's: %s", owner, describeConditions(h.delivery("shop")))
		}
		h.change("other has it", func() { h.place("other", h.configMap("rules", "1"), moves); h.place("shop", stays) })
		h.pass("other")
	}
	h.rests()
	h.rules.equal()
}

// TestWhatSomebodyDeletesIsHealedWhileABuildWaits: what stood and goes by somebody's deed
// is applied to meanwhile. It still stood here: it comes back, though a build waits.
func TestWhatSomebodyDeletesIsHealedWhileABuildWaits(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	worker, rules := h.build("worker"), h.configMap("rules", "1")
	h.change("shop begins", func() { h.place("shop", worker, rules) })
	h.rests()
	live := worker.DeepCopy()
	h.must(h.client.Get(h.ctx, client.ObjectKeyFromObject(live), live))
	h.rules.touched[worker.ID()] = true
	h.must(unstructured.SetNestedField(live.Object, int64(7), "spec", "replicas"))
	live.SetFinalizers([]string{metav1.FinalizerDeleteDependents})
	h.must(h.server.raw.Update(h.ctx, live, client.FieldOwner("somebody")))
	h.must(h.server.raw.Delete(h.ctx, live))
	h.clock = h.clock.Add(time.Hour)
	h.pass("shop")
	h.must(h.client.Get(h.ctx, client.ObjectKeyFromObject(live), live))
	if replicas, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas"); replicas == 7 ||
		live.GetDeletionTimestamp() == nil {
		t.Fatalf("it was not applied to as it goes: %v", live.Object)
	}
	h.change("the next build waits", func() {
		h.place("shop", worker, rules, h.configMap("texts", "1")).spec.Windows = closed()
	})
	h.podsEnd()
	for range 3 {
		h.pass("shop")
	}
	if d := h.delivery("shop"); count(d, v1alpha1.WaitingForWindowReason) == 0 || !h.exists(live, "worker") {
		t.Errorf("it is not healed: %s", describeConditions(d))
	}
	h.change("it may come", func() { h.git["shop"].spec.Windows = nil })
	h.rests()
	h.rules.equal()
}
