package value_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/sealing/value"
)

// TestTheRestOfAValueIsNoName: names stand in Git, and go to whoever has them sealed.
func TestTheRestOfAValueIsNoName(t *testing.T) {
	key := make([]byte, 64)
	for i := range key {
		key[i] = byte(7 * i)
	}
	text := base64.StdEncoding.EncodeToString(key)
	for _, cut := range []int{76, 64} {
		_, err := value.Env([]byte("A=1\nKEY=" + text[:cut] + "\n" + text[cut:] + "\nB=2\n"))
		var line *value.LineError
		if !errors.As(err, &line) || line.Line != 3 || strings.Contains(err.Error()+line.Hint, text[cut:]) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, whole := range []string{"KEY=" + text + "\nDEBUG=\n", "KEY=" + hex + "\nabc=\n",
		"KEY=" + text[:64] + "\nFOO=\nfoo=\n", "abc=\nKEY=" + text[:76] + "\nLOG=a\n"} {
		if _, err := value.Env([]byte(whole)); err != nil {
			t.Errorf("%q: %v", whole, err)
		}
	}
}
