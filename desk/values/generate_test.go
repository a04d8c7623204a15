package values

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/api/fault"
)

func TestTwoGeneratedValuesDiffer(t *testing.T) {
	one, _, err := Generate(32, "alnum")
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := Generate(32, "alnum")
	if err != nil || bytes.Equal(one, two) {
		t.Errorf("the same value twice: %v", err)
	}
}

func TestWhatCannotBeGeneratedIsRefused(t *testing.T) {
	for name, ask := range map[string]struct {
		length   int
		alphabet string
	}{
		"none": {0, "alnum"}, "less": {-1, "alnum"}, "a million": {1e6, "alnum"}, "unknown": {32, "klingon"}, "": {32, ""},
	} {
		value, _, err := Generate(ask.length, ask.alphabet)
		var said strings.Builder
		fault.Print(&said, err)
		if value != nil || !strings.Contains(said.String(), "\nhint: ") {
			t.Errorf("%s: %s", name, said.String())
		}
	}
}
