package delivery

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/inventory"
	"github.com/bulla-dev/bulla/kustomize"
)

// TestWhatGoesWhenItIsPlacedAgainDoesNotStand: an object is on its way out when Git gives
// it to another placement, which applies to it. It goes all the same, so a build of a
// closed window that has it gives something: what it drops stays meanwhile.
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
			w.place("other", moves).spec.Windows = closed()
			w.commit()
			w.reason("other", v1alpha1.WaitingForWindowReason)
			w.editAs("storage", kind, "moves", func(o client.Object) { o.SetFinalizers(nil) })
			w.gone(kind, "moves")
			w.ask("other", "look again")
			w.reason("other", v1alpha1.WaitingForWindowReason)
			if !w.exists(&corev1.ConfigMap{}, "texts") {
				t.Error("what the build drops went before what it brings came")
			}
			w.place("other", moves)
			w.commit()
			w.settled()
		})
	}
}
