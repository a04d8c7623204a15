package fleetsync

import (
	"errors"
	"testing"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

func TestNoConditionOfAFleetSyncDrivesATerminal(t *testing.T) {
	const name, shown = "a\x1b]0;all is well\x07\u202e.yaml", `a\u001b]0;all is well\u0007\u202e.yaml`
	fleet := &v1alpha1.FleetSync{}
	conclude(&pass{obj: fleet}, errors.New(name))
	if got := conditions.GetMessage(fleet, meta.ReadyCondition); got != shown {
		t.Errorf("the FleetSync's condition says %q", got)
	}
}
