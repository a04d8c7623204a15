package delivery

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/kustomize"
)

// ownedBy waits until an object is a placement's.
func (w *deliveryWorld) ownedBy(o client.Object, name, placement string) {
	w.t.Helper()
	eventually(w.t, name+" is "+placement+"'s", func() error {
		if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.ns, Name: name}, o); err != nil {
			return err
		}
		if owner := o.GetLabels()[v1alpha1.OwnerLabel]; owner != placement {
			return fmt.Errorf("%s is %q's", name, owner)
		}
		return nil
	})
}

// A change takes objects from a placement that cannot follow it, and is taken back: the
// build is the one that was applied last, as its Delivery has it. It owns them again at
// once, not at the next interval.
func TestWhatWasTakenMeanwhileIsTakenBackAtOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		// cannot is why the placement does not follow.
		cannot func(w *deliveryWorld, shop *app)
		reason string
		// revoked: nobody takes the Secret over, it goes.
		revoked bool
	}{
		{name: "it does not build", reason: "BuildFailed",
			cannot: func(_ *deliveryWorld, shop *app) { shop.err = errBroken }},
		{name: "it waits for another", reason: "DependencyNotReady",
			cannot: func(w *deliveryWorld, shop *app) {
				w.place("third").err = errBroken
				shop.spec.DependsOn = []api.PlacementReference{{Name: "third"}}
			}},
		{name: "it waits for a window", reason: v1alpha1.WaitingForWindowReason,
			cannot: func(_ *deliveryWorld, shop *app) { shop.spec.Windows = closed() }},
		{name: "its value is revoked while it waits for a window", reason: v1alpha1.WaitingForWindowReason, revoked: true,
			cannot: func(_ *deliveryWorld, shop *app) { shop.spec.Windows = closed() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newDeliveryWorld(t)
			w.run()
			db, settings := w.seal("db", map[string]string{"password": "one"}), w.configMap("settings", "1")
			stays, store := w.configMap("stays", "1"), w.configMap("store", "1")
			begins := func() {
				clear(w.git)
				w.place("shop", db, settings, stays)
				w.place("store", store)
				w.commit()
			}
			begins()
			w.settled()

			shop := w.place("shop", stays, w.configMap("new", "1"))
			c.cannot(w, shop)
			taken := []kustomize.Object{store, settings}
			if !c.revoked {
				taken = append(taken, db)
			}
			w.place("store", taken...)
			w.commit()
			w.ownedBy(&corev1.ConfigMap{}, "settings", "store")
			if c.revoked {
				eventually(t, "the value is gone", func() error {
					if w.exists(&corev1.Secret{}, "db") {
						return errNotYet
					}
					return nil
				})
			} else {
				w.ownedBy(&corev1.Secret{}, "db", "store")
			}
			w.reason("shop", c.reason)
			w.still("shop")

			begins()
			w.ownedBy(&corev1.Secret{}, "db", "shop")
			w.ownedBy(&corev1.ConfigMap{}, "settings", "shop")
			eventually(t, "every delivery stands", w.settledNow)
		})
	}
}
