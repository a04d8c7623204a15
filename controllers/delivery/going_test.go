package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/apply"
	"github.com/bulla-dev/bulla/controllers/internal/drift"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
)

// TestWhatGoesWhenItIsPlacedAgainDoesNotStand: an object is on its way out when Git gives
// it to another placement, which applies to it. It goes all the same, so a build of a
// closed window that has it gives something: what it drops stays until it is there.
func TestWhatGoesWhenItIsPlacedAgainDoesNotStand(t *testing.T) {
	for name, of := range map[string]func(w *deliveryWorld) (client.Object, kustomize.Object){
		"plain": func(w *deliveryWorld) (client.Object, kustomize.Object) {
			return &corev1.ConfigMap{}, w.configMap("moves", "1")
		},
		"sealed": func(w *deliveryWorld) (client.Object, kustomize.Object) {
			return &corev1.Secret{}, w.seal("moves", map[string]string{"password": "one"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDeliveryWorld(t)
			w.run()
			kind, moves := of(w)
			stays := w.configMaps("one", "two", "three")
			w.place("shop", append(stays, moves)...)
			w.commit()
			w.settled()
			w.editAs("storage", kind, "moves", func(o client.Object) { o.SetFinalizers([]string{"example.com/waits"}) })
			w.place("shop", stays...)
			w.commit()
			eventually(t, "it is on its way out", func() error {
				err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "moves"}, kind)
				if err == nil && kind.GetDeletionTimestamp() == nil {
					err = errors.New("nobody deleted it")
				}
				return err
			})

			texts := w.configMap("texts", "1")
			w.place("other", moves, texts)
			w.commit()
			eventually(t, "it is applied to as it goes, and does not stand", func() error {
				entry, known := inventory.Read(w.delivery("other").Status.Inventory)[moves.ID()]
				if !known || entry.UID != string(kind.GetUID()) || entry.Applied != "" || !w.exists(&corev1.ConfigMap{}, "texts") {
					return fmt.Errorf("%+v", entry)
				}
				return nil
			})
			w.says("other", "moves is on its way out, and is made anew when it is gone (deleted",
				`held by its finalizer \"example.com/waits\"`)
			w.place("other", moves).spec.Windows = closed()
			w.commit()
			w.reason("other", v1alpha1.WaitingForWindowReason)
			w.ask("other", "look again")
			if !w.exists(&corev1.ConfigMap{}, "texts") {
				t.Error("what the build drops went before what it brings came")
			}
			// The build that gave it began when it might: it comes, though the window is closed.
			w.editAs("storage", kind, "moves", func(o client.Object) { o.SetFinalizers(nil) })
			w.settled()
		})
	}
}

// TestAJobThatComesBackWhileItGoesRunsAgain: Git drops it, and gives it back before it is
// gone, to whichever placement. It did not run to its end because it is gone then.
func TestAJobThatComesBackWhileItGoesRunsAgain(t *testing.T) {
	for _, to := range []string{"shop", "other"} {
		t.Run(to, func(t *testing.T) {
			w := newDeliveryWorld(t)
			w.run()
			job := w.object(`{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, namespace: %[1]s},
				spec: {suspend: true, ttlSecondsAfterFinished: 60,
					template: {spec: {restartPolicy: Never, containers: [{name: m, image: "m:1"}]}}}}`)
			live, stays := &batchv1.Job{}, w.configMaps("one", "two", "three")
			w.place("shop", append(stays, job)...)
			w.commit()
			w.settled()
			w.editAs("storage", live, "migrate", func(o client.Object) { o.SetFinalizers([]string{"example.com/waits"}) })
			w.place("shop", stays...)
			w.commit()
			eventually(t, "it is on its way out", func() error {
				err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "migrate"}, live)
				if err == nil && live.GetDeletionTimestamp() == nil {
					err = errors.New("nobody deleted it")
				}
				return err
			})

			if to == "shop" {
				w.place("shop", append(stays, job)...)
			} else {
				w.place("other", job)
			}
			w.commit()
			eventually(t, "it is applied to as it goes, and did not run", func() error {
				d := w.delivery(to)
				entry := inventory.Read(d.Status.Inventory)[job.ID()]
				if d.Status.AppliedBuildDigest != d.Spec.BuildDigest || entry.UID != string(live.UID) || entry.Run != nil {
					return fmt.Errorf("%+v", entry)
				}
				return nil
			})
			before := live.UID
			w.editAs("storage", live, "migrate", func(o client.Object) {
				o.SetFinalizers(slices.DeleteFunc(o.GetFinalizers(), func(f string) bool { return f == "example.com/waits" }))
			})
			eventually(t, "another is made", func() error {
				err := w.client.Get(t.Context(), client.ObjectKey{Namespace: w.ns, Name: "migrate"}, live)
				if err == nil && live.UID == before {
					err = errNotYet
				}
				return err
			})
			w.settled()
			if said := message(w.delivery(to)); strings.Contains(said, "ran to the end") {
				t.Errorf("it says %q", said)
			}
		})
	}
}

// TestWhatChangesAsItGoesHasNotRolledOut: who uses a new value is told by workloads that
// rolled out with it, and its clock begins once.
func TestWhatChangesAsItGoesHasNotRolledOut(t *testing.T) {
	id := ObjectID{Group: "apps", Kind: "Deployment", Namespace: "ns", Name: "api"}
	began := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	now := began
	v := &vigil{}
	a := &application{now: func() time.Time { return now },
		stand: &stand{inv: inventory.Inventory{}, sight: drift.NewSight(), vigil: v}}
	v.rollsOut(id)
	before := v1alpha1.InventoryEntry{UID: "u", Applied: "sha256:one"}
	goes := v1alpha1.InventoryEntry{UID: "u"}
	for range 3 {
		a.note(&sent{change: change{object: apply.Object{ID: id, Hash: "sha256:two"}}, before: before, entry: goes})
		if v.rolled[id] || v.changed[id] != began {
			t.Fatalf("it rolled out: %v; it is waited for since %s", v.rolled[id], v.changed[id])
		}
		before, now = goes, now.Add(time.Minute)
	}
}
