package values

import (
	"bytes"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

// TestAGeneratedValueIsOfItsAlphabet and uses all of it.
func TestAGeneratedValueIsOfItsAlphabet(t *testing.T) {
	for name, letters := range alphabets {
		value, bits, err := Generate(maxGenerated, name)
		if err != nil || len(value) != maxGenerated || bits < maxGenerated*3 {
			t.Fatalf("%s: %d characters, %v bits, %v", name, len(value), bits, err)
		}
		for _, letter := range []byte(letters) {
			if !bytes.Contains(value, []byte{letter}) {
				t.Errorf("%s: %q is never drawn", name, letter)
			}
			value = bytes.ReplaceAll(value, []byte{letter}, nil)
		}
		if len(value) > 0 {
			t.Errorf("%s: has other characters", name)
		}
	}
}

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
