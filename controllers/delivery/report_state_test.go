package delivery

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/chart"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// hearsOf waits until the cluster said of a placement what is asked for.
func (w *deliveryWorld) hearsOf(placement string, is func(*keyservicev1.DeliveryState) bool) *keyservicev1.DeliveryState {
	w.t.Helper()
	var found *keyservicev1.DeliveryState
	eventually(w.t, "the key service hears of "+placement, func() error {
		w.ledger.mu.Lock()
		defer w.ledger.mu.Unlock()
		for _, d := range w.ledger.state.GetDeliveries() {
			if d.GetPlacement() == placement && is(d) {
				found = d
				return nil
			}
		}
		return fmt.Errorf("it has %v", w.ledger.state)
	})
	return found
}

// TestTheLedgerFollowsWhatStandsWhileNothingIsDone: what somebody deletes while
// passes fail, or while nobody works on a placement, is not in use any more.
func TestTheLedgerFollowsWhatStandsWhileNothingIsDone(t *testing.T) {
	w := newDeliveryWorld(t)
	w.run()
	w.place("shop", w.deployment("api", "db"), w.seal("db", map[string]string{"password": "x9"}))
	w.place("plain", w.configMap("settings", "1"))
	w.commit()
	w.hears("db: InUse Deployment/api")
	w.settled()
	ready := func(d *keyservicev1.DeliveryState) bool {
		return d.GetReady() == keyservicev1.Readiness_READINESS_READY
	}
	w.hearsOf("plain", ready) // without secrets too

	// Suspended by hand: it says so, and by whom; nothing heals, and nothing is claimed.
	shop := w.delivery("shop")
	from := shop.DeepCopy()
	shop.Spec.Suspend = true
	w.must(w.client.Patch(t.Context(), shop, client.MergeFrom(from), client.FieldOwner("kubectl-patch")))
	suspended := w.reason("shop", v1alpha1.SuspendedReason)
	if message := suspended.Status.Conditions; !strings.Contains(fmt.Sprint(message), "by kubectl-patch since ") {
		t.Errorf("the conditions do not say who suspended it: %v", message)
	}
	heard := w.hearsOf("shop", func(d *keyservicev1.DeliveryState) bool { return d.GetSuspended() != nil })
	if heard.GetSuspended().GetBy() != "kubectl-patch" || heard.GetSuspended().GetSince() == 0 || ready(heard) {
		t.Errorf("heard %v", heard)
	}
	w.must(w.client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: "db"}}))
	w.hears("db: Deprovisioned")
	w.writeSpec(w.delivery("shop"), func(spec *v1alpha1.DeliverySpec) { spec.Suspend = false })
	w.hears("db: InUse Deployment/api")
	w.hearsOf("shop", ready)

	// The namespace goes, and every pass fails.
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}
	w.must(w.client.Delete(t.Context(), namespace))
	w.hears("db: Deprovisioned")
	w.hearsOf("shop", func(d *keyservicev1.DeliveryState) bool {
		return d.GetReady() != keyservicev1.Readiness_READINESS_READY && d.GetMessage() != ""
	})
	eventually(t, "the namespace is gone", func() error {
		if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace); !apierrors.IsNotFound(err) {
			return errors.New("it stands")
		}
		return nil
	})
	w.must(w.client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.ns}}))
	w.must(w.release.Tenant(t.Context(), w.ns, chart.Deployer)) // its rights went with it
	w.hears("db: InUse Deployment/api")
}
