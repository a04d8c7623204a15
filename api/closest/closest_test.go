package closest_test

import (
	"testing"

	"github.com/bulla-dev/bulla/api/closest"
)

func TestANameIsTakenForOneThatIsNear(t *testing.T) {
	known := []string{"payments", "payroll", "db"}
	for given, want := range map[string]string{
		"paymnts": "payments", "PAYMENTS": "payments", "payrol": "payroll", "bd": "db", "warehouse": "", "": "db",
	} {
		if got := closest.Name(given, known); got != want {
			t.Errorf("%q is taken for %q, want %q", given, got, want)
		}
	}
	commands := []string{"get", "set", "unset", "reconcile", "rename", "reseal", "seal"}
	for given, want := range map[string]string{
		"sel": "seal", "seel": "seal", "sea": "seal", "st": "set", "ste": "set", "recon": "reconcile", "rec": "reconcile",
		"gets": "get", "delete": "",
	} {
		if got := closest.Name(given, commands); got != want {
			t.Errorf("%q is taken for %q, want %q", given, got, want)
		}
	}
	if got := closest.Hint("paymnts", known) + closest.Hint("warehouse", known); got != "did you mean payments? " {
		t.Errorf("the hints are %q", got)
	}
	if got := closest.Name("payments", nil); got != "" {
		t.Errorf("of no names %q is near", got)
	}
}
