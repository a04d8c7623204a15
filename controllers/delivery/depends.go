package delivery

import (
	"fmt"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// whyNot is what keeps a dependency, in its own words.
func whyNot(d *v1alpha1.Delivery) string {
	ready := conditions.Get(d, meta.ReadyCondition)
	switch {
	case d.Spec.Suspend:
		return ": its Delivery is suspended here"
	case ready == nil || conditions.IsTrue(d, meta.ReadyCondition):
		return ""
	}
	return fmt.Sprintf(": it says %s", ready.Reason)
}
