package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

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

func TestAStateIsCutToWhatTheServiceTakes(t *testing.T) {
	state := &keyservicev1.ClusterState{}
	for i := range 3000 {
		state.Deliveries = append(state.Deliveries, &keyservicev1.DeliveryState{
			Placement: fmt.Sprintf("p%04d", i), Ready: keyservicev1.Readiness_READINESS_READY, Reason: "ReconciliationSucceeded"})
	}
	state.Deliveries[2999].Ready = keyservicev1.Readiness_READINESS_NOT_READY
	bound(state)
	if got := state.GetDeliveries()[0].GetPlacement(); got != "p2999" {
		t.Errorf("%s comes first, want the one that is not well", got)
	}
	if kept := len(state.GetDeliveries()); kept > 2000 || int(state.GetLeftOut())+kept != 3000 {
		t.Errorf("%d kept, %d left out", kept, state.GetLeftOut())
	}
}

func TestASuspensionIsWhatTheAPIServerNoted(t *testing.T) {
	at := metav1.NewTime(time.Unix(1790000000, 0))
	field := func(manager, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	d := &v1alpha1.Delivery{}
	d.ManagedFields = []metav1.ManagedFieldsEntry{
		field("bulla-controller", `{"f:spec":{"f:buildDigest":{}}}`), field("kubectl\x1b[2J-edit", `{"f:spec":{"f:suspend":{}}}`),
		field("odd", `{"f:spec":[]}`),
	}
	if got := suspension(d); got.GetBy() != "kubectl [2J-edit" || got.GetSince() != at.UnixMicro() {
		t.Errorf("suspended %v", got)
	}
	if got := bySince(suspension(&v1alpha1.Delivery{})); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}
