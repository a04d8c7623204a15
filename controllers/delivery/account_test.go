package delivery

import (
	"errors"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// A placement that names no account gets none of the controller's rights, unless
// an operator said so.
func TestAPlacementIsAppliedAsAnAccountOfItsNamespace(t *testing.T) {
	for name, c := range map[string]struct {
		options Options
		named   string
		want    string
		refused bool
	}{
		"its own":                  {Options{DefaultServiceAccount: "deployer"}, "payments", "shop/payments", false},
		"the default":              {Options{DefaultServiceAccount: "deployer"}, "", "shop/deployer", false},
		"the default, before all":  {Options{DefaultServiceAccount: "deployer", ApplyAsController: true}, "", "shop/deployer", false},
		"none":                     {Options{}, "", "", true},
		"none, and the controller": {Options{ApplyAsController: true}, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			placement := &api.Placement{}
			placement.Spec.Namespaces, placement.Spec.ServiceAccountName = []string{"shop", "jobs"}, c.named
			policy, err := c.options.policyOf(placement)
			if c.refused {
				var ended *loop.Error
				if !errors.As(err, &ended) || ended.Reason != v1alpha1.NoServiceAccountReason ||
					ended.Intent != loop.Stall || !strings.Contains(ended.Message, `"shop"`) {
					t.Errorf("%v, want %s that names the namespace", err, v1alpha1.NoServiceAccountReason)
				}
				return
			}
			if err != nil || policy.ServiceAccount != c.want {
				t.Errorf("applied as %q (%v), want %q", policy.ServiceAccount, err, c.want)
			}
		})
	}
}
