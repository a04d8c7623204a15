package printable_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

func TestALineIsOneAndPrints(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\tc":              "a b c",
		"\x1b[2Jx":             "[2Jx",
		"a\u202eb":             "a b",
		"\xff":                 "\ufffd",
		strings.Repeat("ä", 9): "ää…",
	} {
		if got := printable.Line(in, 8); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
