package value

import (
	"bytes"
	"testing"
)

// TestAGeneratedValueIsOfItsAlphabet and uses all of it.
func TestAGeneratedValueIsOfItsAlphabet(t *testing.T) {
	for name, letters := range alphabets {
		value, bits, err := Recipe{MaxGenerated, name}.Make()
		if err != nil || len(value) != MaxGenerated || bits < MaxGenerated*3 {
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
