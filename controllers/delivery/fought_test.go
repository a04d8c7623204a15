package delivery

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// fought has somebody edit a ConfigMap before each of ten passes that follow each other
// at once, and gives how often that was undone before it was put off; 10 for never.
func (h *history) fought(name, placement string) (undone int, d *v1alpha1.Delivery) {
	h.t.Helper()
	live := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: h.ns, Name: name}
	id := inventory.ID{Kind: "ConfigMap", Namespace: h.ns, Name: name}
	h.rules.touched[id] = true
	for undone = range 10 {
		h.must(h.client.Get(h.ctx, key, live))
		live.Data["key"] = "edited"
		h.must(h.server.raw.Update(h.ctx, live, client.FieldOwner("somebody")))
		h.process.onEvent(drift.Event{Placement: placement, ID: id, ResourceVersion: live.ResourceVersion})
		h.pass(placement)
		h.must(h.client.Get(h.ctx, key, live))
		if live.Data["key"] == "edited" {
			return undone, h.delivery(placement)
		}
	}
	return 10, h.delivery(placement)
}

// TestAFightOverWhatGoesIsAFight: somebody holds an object that is being deleted by a
// finalizer, and edits it for ever. It is put off and told, as with one that stays.
func TestAFightOverWhatGoesIsAFight(t *testing.T) {
	for name, goes := range map[string]func(h *history){
		"it stays":            nil, // the control
		"somebody deletes it": func(h *history) { h.deletesHeld("conf") },
		"somebody deletes it, and Git changes it": func(h *history) {
			h.deletesHeld("conf")
			h.change("another version", func() {
				h.place("shop", h.configMap("conf", "2"), h.configMap("rules", "1")).spec.Wait = ptr.To(false)
			})
			h.pass("shop")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t, newModelServer(t), 1)
			h.change("shop begins", func() {
				h.place("shop", h.configMap("conf", "1"), h.configMap("rules", "1")).spec.Wait = ptr.To(false)
			})
			h.rests()
			if goes != nil {
				goes(h)
			}
			undone, d := h.fought("conf", "shop")
			m, _ := h.process.memories.find("shop")
			t.Logf("undone %d times; %s; fight %+v; %+v", undone, describeConditions(d),
				m.fights.Of(inventory.ID{Kind: "ConfigMap", Namespace: h.ns, Name: "conf"}), d.Status.Inventory)
			if undone > 5 || count(d, v1alpha1.ContestedReason) == 0 {
				t.Errorf("it is fought %d times at once, and nobody is told: %s", undone, describeConditions(d))
			}
		})
	}
}

// TestWhatWasOnItsWayOutIsNobodysDeed: Git changes an object as it goes. Once it is gone it is
// made anew, and nobody is blamed for that; meanwhile it is sent once.
func TestWhatWasOnItsWayOutIsNobodysDeed(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	h.change("shop begins", func() { h.place("shop", h.configMap("conf", "1"), h.configMap("rules", "1")) })
	h.rests()
	h.deletesHeld("conf")
	h.change("another version", func() { h.place("shop", h.configMap("conf", "2"), h.configMap("rules", "1")) })
	h.pass("shop")
	sent := h.tally.Applies
	h.pass("shop")
	if more := h.tally.Applies - sent; more != 0 {
		t.Errorf("it is sent %d times more as it goes", more)
	}
	live := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: h.ns, Name: "conf"}
	h.must(h.client.Get(h.ctx, key, live))
	live.Finalizers = nil
	h.must(h.server.raw.Update(h.ctx, live))
	h.pass("shop")
	if h.must(h.client.Get(h.ctx, key, live)); live.Data["key"] != "2" || live.DeletionTimestamp != nil {
		t.Errorf("it is not made anew: %v", live.Data)
	}
	m, _ := h.process.memories.find("shop")
	if f := m.fights.Of(inventory.ID{Kind: "ConfigMap", Namespace: h.ns, Name: "conf"}); f.Count != 0 {
		t.Errorf("somebody is blamed: %+v", f)
	}
}

func (h *history) deletesHeld(name string) {
	live := &corev1.ConfigMap{}
	h.must(h.client.Get(h.ctx, client.ObjectKey{Namespace: h.ns, Name: name}, live))
	live.Finalizers = []string{"example.com/waits"}
	h.must(h.server.raw.Update(h.ctx, live, client.FieldOwner("somebody")))
	h.must(h.server.raw.Delete(h.ctx, live))
}

// TestWhatAnotherDroppedAndGaveBackWhileItGoesDoesNotStand: the workload goes because Git
// dropped it from the other placement. It is shop's again, in a closed window.
func TestWhatAnotherDroppedAndGaveBackWhileItGoesDoesNotStand(t *testing.T) {
	for _, sees := range []bool{false, true} {
		t.Run(fmt.Sprintf("shop saw it leave: %v", sees), func(t *testing.T) {
			h := newHistory(t, newModelServer(t), 1)
			worker, rules, texts := h.build("worker"), h.configMap("rules", "1"), h.configMap("texts", "1")
			h.change("shop has it", func() { h.place("shop", worker, rules, texts) })
			h.rests()
			h.change("other has it", func() { h.place("shop", rules, texts); h.place("other", worker) })
			if sees {
				h.pass("shop")
			}
			h.pass("other")
			h.change("other drops it", func() { h.place("other") })
			h.pass("other")
			live := worker.DeepCopy()
			h.must(h.client.Get(h.ctx, client.ObjectKeyFromObject(live), live))
			if live.GetDeletionTimestamp() == nil {
				t.Fatal("it does not go")
			}
			h.change("shop has it again, and waits", func() { h.place("shop", worker, texts).spec.Windows = closed() })
			for range 3 {
				h.pass("shop")
			}
			d := h.delivery("shop")
			entry := inventory.Read(d.Status.Inventory)[worker.ID()]
			t.Logf("%s: %+v", describeConditions(d), entry)
			if entry.Applied != "" {
				t.Errorf("it goes, and the inventory has it as standing: %+v", entry)
			}
			h.standsOf(&corev1.ConfigMap{}, "rules")
			if t.Failed() {
				t.Log(strings.Join(h.trail, "\n"))
			}
		})
	}
}

// TestWhatCameBackWhileItGoesHasNotRolledOut: what [stand.begins] found on its way out is
// changed as it goes. Its pods read the value of before.
func TestWhatCameBackWhileItGoesHasNotRolledOut(t *testing.T) {
	id := ObjectID{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: "api"}
	v := &vigil{}
	a := &application{now: time.Now, stand: &stand{inv: inventory.Inventory{}, sight: drift.NewSight(), vigil: v}}
	v.rollsOut(id) // with the value of before
	going := v1alpha1.InventoryEntry{UID: "u"}
	a.note(&sent{change: change{object: apply.Object{ID: id, Hash: "sha256:two"}}, before: going, entry: going})
	if v.rolled[id] {
		t.Error("it counts as rolled out with the value that it was sent on its way out")
	}
}

// TestWhatCannotBeLookedAtAsItComesBackHoldsNothingElse: the API server of one kind is
// away when an object of it is placed again.
func TestWhatCannotBeLookedAtAsItComesBackHoldsNothingElse(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	worker := h.build("worker")
	h.change("shop has it", func() { h.place("shop", worker, h.configMap("rules", "1"), h.configMap("texts", "1")) })
	h.rests()
	h.change("it goes", func() { h.place("shop", h.configMap("rules", "1"), h.configMap("texts", "1")) })
	h.pass("shop")
	h.process.reader = interceptor.NewClient(h.server.guarded.(client.WithWatch), interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object,
			options ...client.GetOption) error {
			if o.GetObjectKind().GroupVersionKind().Kind == "Deployment" {
				return apierrors.NewServiceUnavailable("away")
			}
			return c.Get(ctx, key, o, options...)
		}})
	h.change("it is back", func() { h.place("shop", worker, h.configMap("rules", "2"), h.configMap("texts", "1")) })
	for range 3 {
		h.pass("shop")
		h.clock = h.clock.Add(time.Minute)
	}
	live := &corev1.ConfigMap{}
	h.must(h.client.Get(h.ctx, client.ObjectKey{Namespace: h.ns, Name: "rules"}, live))
	if live.Data["key"] != "2" {
		t.Errorf("what has nothing to do with it waits: %v; %s", live.Data, describeConditions(h.delivery("shop")))
	}
}

// TestAnOldProofSilencesNobody: whoever kept the proof of another placement writes it with
// each of his edits, once after each commit.
func TestAnOldProofSilencesNobody(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	moves, stays := h.configMap("moves", "1"), h.configMap("stays", "1")
	h.change("other has it", func() { h.place("shop", stays); h.place("other", h.configMap("rules", "1"), moves) })
	h.rests()
	key := client.ObjectKey{Namespace: h.ns, Name: "moves"}
	live := &corev1.ConfigMap{}
	h.must(h.client.Get(h.ctx, key, live))
	proof := live.Annotations[v1alpha1.OwnerAnnotation]
	h.change("shop has it", func() { h.place("shop", stays, moves); h.place("other", h.configMap("rules", "1")) })
	h.rests()
	silent := 0
	for i := range 8 {
		h.change("something else altogether", func() { h.place("third", h.configMap("extra", fmt.Sprint(i))) })
		h.must(h.client.Get(h.ctx, key, live))
		live.Data["key"] = "edited"
		live.Labels[v1alpha1.OwnerLabel], live.Annotations[v1alpha1.OwnerAnnotation] = "other", proof
		h.must(h.server.raw.Update(h.ctx, live, client.FieldOwner("somebody")))
		h.process.onEvent(drift.Event{Placement: "shop", ID: moves.ID(), ResourceVersion: live.ResourceVersion})
		h.pass("shop")
		h.must(h.client.Get(h.ctx, key, live))
		if live.Data["key"] == "1" {
			silent++
		}
	}
	m, _ := h.process.memories.find("shop")
	if f := m.fights.Of(moves.ID()); f.Count == 0 {
		t.Errorf("%d of 8 edits were undone and nobody was told: %s", silent, describeConditions(h.delivery("shop")))
	}
}
