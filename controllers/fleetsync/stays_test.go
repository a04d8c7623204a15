package fleetsync

import (
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/view"
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
		plan := planDeliveries(deliverySnapshot(placement), testCluster, []v1alpha1.Delivery{*d}, nobodyConsents)
		for _, w := range plan.update {
			d = w.to
		}
		if d.Spec.DeletionPolicy != "" {
			t.Errorf("%q stays when Git takes it back", d.Spec.DeletionPolicy)
		}
	}
}

// Who hands an application to another deployer suspends it and says that its objects
// stay, in one commit.
func TestASuspendedDeliverySaysWhatStaysOfIt(t *testing.T) {
	placement := &api.Placement{Spec: api.PlacementSpec{TargetNamespace: "shop"}}
	d := newDelivery("shop", &kustomize.Placed{Placement: placement, Build: &kustomize.Build{}}, "r1")
	placement.Spec.Suspend, placement.Spec.DeletionPolicy = true, api.DeletionOrphan
	placement.Spec.TargetNamespace, placement.Spec.ServiceAccountName = "other", "other"
	plan := planDeliveries(deliverySnapshot(placement), testCluster, []v1alpha1.Delivery{*d}, nobodyConsents)
	if len(plan.update) != 1 {
		t.Fatalf("%d deliveries are written", len(plan.update))
	}
	to := plan.update[0].to.Spec
	if to.DeletionPolicy != string(api.DeletionOrphan) || to.TargetNamespace != "shop" || to.ServiceAccountName != "" {
		t.Errorf("the delivery says %+v", to)
	}
}

// deliverySnapshot places one placement, as "shop".
func deliverySnapshot(placement *api.Placement) *view.Snapshot {
	s := planSnapshot(nil)
	s.Resolution.Placed["shop"] = &kustomize.Placed{Placement: placement, Build: &kustomize.Build{}}
	return s
}

func nobodyConsents(*v1alpha1.Delivery) bool { return false }
