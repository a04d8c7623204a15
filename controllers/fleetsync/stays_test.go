package fleetsync

import (
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// What stays of a placement stands in the Delivery's spec: after its status is lost and
// Git dropped it, nobody else knows.
func TestADeliverySaysWhatStaysOfIt(t *testing.T) {
	no := false
	for _, test := range []struct {
		prune  *bool
		policy api.DeletionPolicy
		want   string
	}{
		{nil, "", ""},
		{&no, "", "Orphan"},
		{&no, api.DeletionMirrorPrune, "Orphan"},
		{&no, api.DeletionDelete, ""},
		{&no, api.DeletionWaitForTermination, ""},
		{nil, api.DeletionOrphan, "Orphan"},
	} {
		placement := &api.Placement{Spec: api.PlacementSpec{TargetNamespace: "shop", Prune: test.prune,
			DeletionPolicy: test.policy}}
		d := newDelivery("shop", &kustomize.Placed{Placement: placement, Build: &kustomize.Build{}}, "r1")
		if d.Spec.DeletionPolicy != test.want {
			t.Errorf("prune %v, %q: got %q, want %q", test.prune, test.policy, d.Spec.DeletionPolicy, test.want)
		}
		placement.Spec.Prune, placement.Spec.DeletionPolicy = nil, ""
		if appliedAs(&d.Spec, placement); d.Spec.DeletionPolicy != "" {
			t.Errorf("%q stays when Git takes it back", d.Spec.DeletionPolicy)
		}
	}
}
