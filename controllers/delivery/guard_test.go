package delivery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

func TestTheGuardHoldsALargeRemovalUntilSomebodyConsents(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("a", "b", "c", "d", "e")...)
	w.commit()
	w.settled()
	w.place("shop", w.configMaps("a", "new")...)
	revision := w.commit()
	d := w.reason("shop", v1alpha1.PruneBlockedReason)
	for _, name := range []string{"a", "b", "c", "d", "e", "new"} {
		if !w.exists(&corev1.ConfigMap{}, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if !strings.Contains(describeConditions(d), revision) {
		t.Errorf("the condition does not name the revision to consent to: %s", describeConditions(d))
	}
	w.annotate("shop", v1alpha1.ConsentAnnotation, "main@sha1:somethingelse")
	w.ask("shop", "consent to another revision")
	w.reason("shop", v1alpha1.PruneBlockedReason)
	w.annotate("shop", v1alpha1.ConsentAnnotation, revision)
	w.settled()
}

// TestConsentInGitLetsALargeRemovalGo: for the revision that it names alone.
func TestConsentInGitLetsALargeRemovalGo(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("a", "b", "c", "d", "e")...)
	w.commit()
	w.settled()
	w.place("shop", w.configMaps("a")...)
	revision := w.commit()
	w.reason("shop", v1alpha1.PruneBlockedReason)
	w.consent = "main@sha1:somethingelse"
	w.commit()
	w.ask("shop", "consent to another revision")
	if d := w.reason("shop", v1alpha1.PruneBlockedReason); !strings.Contains(describeConditions(d), "it names nowhere") {
		t.Errorf("a revision that is not in the history is not told: %s", describeConditions(d))
	}
	w.consent = revision
	w.commit()
	w.settled()
	for _, name := range []string{"b", "c", "d", "e"} {
		if w.exists(&corev1.ConfigMap{}, name) {
			t.Errorf("%s is still there", name)
		}
	}
}

// TestConsentInGitHoldsUntilAllOfItIsGone: on a cluster that slept through it, and
// whose removal is cut short, it is good until all of that is gone; and for nothing that
// was placed afterwards.
func TestConsentInGitHoldsUntilAllOfItIsGone(t *testing.T) {
	w := newDeliveryWorld(t)
	stop := w.run()
	stuck := w.configMap("b", "1")
	w.place("shop", append(w.configMaps("a", "c", "d", "e"), stuck)...)
	w.commit()
	w.settled()
	b := &corev1.ConfigMap{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "b"}, b))
	held := b.DeepCopy()
	held.Finalizers = []string{"test.bulla.dev/stay"}
	w.must(w.client.Patch(t.Context(), held, client.MergeFrom(b)))
	stop()

	t.Log("asleep: what leaves, the consent, and a change of the same application")
	w.place("shop", w.configMap("a", "1"))
	w.consent = w.commit()
	w.place("shop", w.configMap("a", "2"))
	w.commit()
	stop = w.run()
	wait.For(t, "all but one are gone", func() error {
		for _, name := range []string{"b", "c", "d", "e"} {
			if w.exists(&corev1.ConfigMap{}, name) {
				return fmt.Errorf("%s is there", name)
			}
		}
		return nil
	})
	stop()

	t.Log("cut short, and told of another revision meanwhile; what was left out is placed again, in part")
	w.place("shop", append(w.configMaps("c", "d", "e", "f"), w.configMap("a", "3"))...)
	w.commit()
	stop = w.run()
	defer stop()
	wait.For(t, "it is applied", func() error {
		if !w.exists(&corev1.ConfigMap{}, "f") {
			return errors.New("f is not there")
		}
		return nil
	})
	for _, id := range w.delivery("shop").Status.Inventory {
		if (id.Until != "") != strings.Contains(id.ID, "_b_") {
			t.Errorf("%s was placed until %q", id.ID, id.Until)
		}
	}
	held = &corev1.ConfigMap{}
	w.must(w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "b"}, held))
	free := held.DeepCopy()
	free.Finalizers = nil
	w.must(w.client.Patch(t.Context(), free, client.MergeFrom(held)))
	w.settled()

	t.Log("what was placed again is guarded again")
	w.place("shop", w.configMap("a", "3"))
	w.commit()
	w.reason("shop", v1alpha1.PruneBlockedReason)
	for _, name := range []string{"c", "d", "e", "f"} {
		if !w.exists(&corev1.ConfigMap{}, name) {
			t.Errorf("%s is gone", name)
		}
	}
	w.place("shop", append(w.configMaps("c", "d", "e", "f"), w.configMap("a", "4"))...)
	w.commit()
	w.settled()
	for _, entry := range w.delivery("shop").Status.Inventory {
		if entry.Until != "" {
			t.Errorf("%s is placed, and was until %q", entry.ID, entry.Until)
		}
	}
}

func TestTheGuardHoldsABuildOfNothing(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.configMaps("a", "b", "c")...)
	w.commit()
	w.settled()
	w.place("shop")
	revision := w.commit()
	w.reason("shop", v1alpha1.PruneBlockedReason)
	for _, name := range []string{"a", "b", "c"} {
		if !w.exists(&corev1.ConfigMap{}, name) {
			t.Errorf("%s is gone", name)
		}
	}
	w.annotate("shop", v1alpha1.ConsentAnnotation, revision)
	w.settled()
}
