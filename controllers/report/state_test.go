package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
)

func TestAStateIsCutToWhatTheServiceTakes(t *testing.T) {
	state := &keyservicev1.ClusterState{}
	for i := range 3000 {
		state.Deliveries = append(state.Deliveries, &keyservicev1.DeliveryState{
			Placement: fmt.Sprintf("p%04d", i), Ready: keyservicev1.Readiness_READINESS_READY, Reason: "ReconciliationSucceeded"})
	}
	state.Deliveries[2999].Ready = keyservicev1.Readiness_READINESS_NOT_READY
	state.Deliveries[2998].Release = "sha256:00" // other clusters wait for it
	bound(state)
	if got := state.GetDeliveries()[1].GetPlacement(); got != "p2998" {
		t.Errorf("%s comes second, want what waves wait for", got)
	}
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
	if got := Suspension(d); got.GetBy() != "kubectl [2J-edit" || got.GetSince() != at.UnixMicro() {
		t.Errorf("suspended %v", got)
	}
	if got := BySince(Suspension(&v1alpha1.Delivery{})); got != "" {
		t.Errorf("of nobody: %q", got)
	}
}

// TestWhatIsBrokenSaysAsOfWhen, so that the commit that mends it is not blamed.
func TestWhatIsBrokenSaysAsOfWhen(t *testing.T) {
	placed := &kustomize.Placed{Build: &kustomize.Build{Digest: "new"}}
	snapshot := &view.Snapshot{Resolution: &kustomize.Resolution{Placed: map[string]*kustomize.Placed{"shop": placed}}}
	for _, test := range []struct {
		what        string
		digest      string
		condition   int64
		want        bool
		buildFailed bool
	}{
		{"the head's build, worked on", "new", 2, false, false},
		{"the build before", "old", 2, true, false},
		{"the head's build, not worked on", "new", 1, true, false},
		{"a head that does not build", "old", 2, false, true},
	} {
		d := &v1alpha1.Delivery{}
		d.Name, d.Generation, d.Spec.BuildDigest = "shop", 2, test.digest
		d.Status.Conditions = []metav1.Condition{{
			Type: meta.ReadyCondition, Status: metav1.ConditionFalse, Reason: "HealthCheckFailed",
			ObservedGeneration: test.condition,
		}}
		if placed.Build = (&kustomize.Build{Digest: "new"}); test.buildFailed {
			placed.Build = nil
		}
		if got := (&Reporter{}).deliveryState(t.Context(), d, snapshot); got.GetBehind() != test.want {
			t.Errorf("%s: behind is %v", test.what, got.GetBehind())
		}
	}
}
