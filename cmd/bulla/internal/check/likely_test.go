package check

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

func TestOnlyASealedSecretsCiphertextIsPassedOver(t *testing.T) {
	sealed := func(rsa, rest int) []byte {
		return append([]byte{byte(rsa >> 8), byte(rsa)}, make([]byte, rsa+rest)...)
	}
	for name, test := range map[string]struct {
		value []byte
		over  bool
	}{
		"RSA 4096, and a value":  {sealed(512, 20), true},
		"RSA 2048, and no value": {sealed(256, 16), true},
		"RSA, and no tag":        {sealed(512, 15), false},
		"a length of no key":     {sealed(300, 20), false},
		"a private key":          {[]byte("-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("q", 600)), false},
	} {
		text := []byte("kind: SealedSecret\n    password: " + base64.StdEncoding.EncodeToString(test.value) + "\nspec: {}\n")
		want := text
		if test.over {
			want = []byte("kind: SealedSecret\n\nspec: {}\n")
		}
		if got := withoutSealedSecrets(text); !bytes.Equal(got, want) {
			t.Errorf("%s: %.60q", name, got)
		}
	}
}
