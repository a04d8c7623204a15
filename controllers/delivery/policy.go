package delivery

import (
	"cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// lastPolicy is for a removal whose policy was lost with the status.
func (o Options) lastPolicy(spec v1alpha1.DeliverySpec) (*v1alpha1.DeliveryPolicy, error) {
	policy := &v1alpha1.DeliveryPolicy{}
	if spec.TargetNamespace != "" { // of a version that wrote it
		var err error
		policy, err = o.policyOf(&api.Placement{Spec: api.PlacementSpec{
			TargetNamespace: spec.TargetNamespace, ServiceAccountName: spec.ServiceAccountName,
		}})
		if err != nil {
			return nil, err
		}
	}
	policy.Prune, policy.DeletionPolicy = true, spec.DeletionPolicy
	policy.Timeout.Duration = defaultRemovalTimeout
	return policy, nil
}

// policyOf is what a Placement wants of its objects' going, and as whom it is
// applied.
func (o Options) policyOf(placement *api.Placement) (*v1alpha1.DeliveryPolicy, error) {
	policy := &v1alpha1.DeliveryPolicy{Prune: placement.Spec.PruneEnabled(),
		DeletionPolicy: string(placement.Spec.DeletionPolicy)}
	policy.Timeout.Duration = placement.Spec.TimeoutOrDefault()
	account := cmp.Or(placement.Spec.ServiceAccountName, o.DefaultServiceAccount)
	switch {
	case account != "":
		policy.ServiceAccount = placement.Spec.AllNamespaces()[0] + "/" + account
	case !o.ApplyAsController:
		return nil, loop.Stalled(v1alpha1.NoServiceAccountReason,
			"the placement has no serviceAccountName, and the controller applies nothing in its own name; "+
				"hint: name an account of namespace %q in the placement, or give the controller --default-service-account",
			placement.Spec.AllNamespaces()[0])
	}
	return policy, nil
}
