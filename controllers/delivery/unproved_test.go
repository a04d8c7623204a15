package delivery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// cutShort lives on to where the process failed, or died, between making an object of shop
// and proving whose it is: at the given write of the pass.
func (h *history) cutShort(how fault, at int, objects []kustomize.Object, say func(*app)) {
	h.t.Helper()
	h.t.Cleanup(func() {
		if h.t.Failed() {
			h.sumUp()
			h.t.Log(strings.Join(h.trail, "\n"))
		}
	})
	h.change("shop begins", func() { say(h.place("shop", objects...)) })
	s := &saboteur{kind: how, at: at}
	h.starts(s)
	h.pass("shop")
	if !s.reached() || h.proved("shop") {
		h.t.Fatal("everything is proved, or nothing was made")
	}
}

// turns are some passes of every placement.
func (h *history) turns() {
	for range 4 {
		for _, name := range placementNames {
			h.pass(name)
		}
		h.clock = h.clock.Add(time.Minute)
	}
}

// TestWhatIsLetGoBeforeItIsProvedCanBeTakenUp: an object whose making was cut short stays
// by a word of Git, as nobody's. Whoever places it next takes it up where it stands.
func TestWhatIsLetGoBeforeItIsProvedCanBeTakenUp(t *testing.T) {
	leaves := func(h *history) { delete(h.git, "shop") }
	unpruned := func(a *app) { a.spec.Prune = ptr.To(false) }
	for name, test := range map[string]struct {
		said string // of the object itself
		say  func(*app)
		ends func(*history)
	}{
		"left with its placement": {say: func(a *app) { a.spec.DeletionPolicy = api.DeletionOrphan }, ends: leaves},
		"not pruned":              {say: unpruned, ends: func(h *history) { unpruned(h.place("shop")) }},
		"kept by its own word":    {said: "disabled", say: func(*app) {}, ends: leaves},
	} {
		for _, how := range []fault{fails, dies} {
			for _, next := range []string{"other", "shop"} {
				t.Run(fmt.Sprintf("%s/%d/%s", name, how, next), func(t *testing.T) {
					h, live := newHistory(t, newModelServer(t), 1), &corev1.ConfigMap{}
					o := h.configMap("conf", "1")
					o.SetAnnotations(map[string]string{v1alpha1.PruneAnnotation: test.said})
					h.cutShort(how, 3, []kustomize.Object{o}, test.say) // the status, the object, the proof
					h.standsOf(live, "conf")
					uid := live.UID
					h.change("shop has it no more", func() { test.ends(h) })
					h.turns()
					h.change(next+" has it", func() { h.place(next, o) })
					h.turns()
					if h.standsOf(live, "conf"); live.UID != uid {
						t.Error("it went, and was made anew")
					}
					h.rules.equal()
				})
			}
		}
	}
}

// TestWhatMovesAndIsNotToBePrunedIsProvedToo: the old placement lets go of it at once.
func TestWhatMovesAndIsNotToBePrunedIsProvedToo(t *testing.T) {
	for _, how := range []fault{fails, dies} {
		h := newHistory(t, newModelServer(t), 1)
		o := h.configMap("conf", "1")
		o.SetAnnotations(map[string]string{v1alpha1.PruneAnnotation: "disabled"})
		h.cutShort(how, 3, []kustomize.Object{o}, func(*app) {})
		h.change("other has it", func() { h.place("shop"); h.place("other", o) })
		h.pass("shop")
		h.turns()
		h.rules.equal()
	}
}

// TestWhatCannotBeLetGoKeepsNoRevokedValue: the proof of what is left behind cannot be
// written. It stays known, and the Secret beside it goes meanwhile.
func TestWhatCannotBeLetGoKeepsNoRevokedValue(t *testing.T) {
	h := newHistory(t, newModelServer(t), 1)
	// The status, the Secret and its proof, the object, its proof.
	h.cutShort(fails, 5, []kustomize.Object{h.seal("db", map[string]string{"token": "1"}), h.configMap("conf", "1")},
		func(a *app) { a.spec.DeletionPolicy = api.DeletionOrphan })
	h.change("shop leaves", func() { delete(h.git, "shop") })
	h.starts(&saboteur{kind: fails, at: 1})
	h.pass("shop")
	if h.standsOf(&corev1.ConfigMap{}, "conf"); h.exists(&corev1.Secret{}, "db") {
		t.Error("the Secret stands")
	}
	if h.proved("shop") || len(h.delivery("shop").Status.Inventory) != 1 {
		t.Error("it is proved, or not known")
	}
	h.turns()
	h.standsOf(&corev1.ConfigMap{}, "conf")
	if !h.proved("shop") {
		t.Error("it was let go unproved")
	}
	h.rules.equal()
}
