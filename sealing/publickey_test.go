package sealing_test

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age/tag"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/sealing"
)

func TestAPublicKeyHasOneTextForm(t *testing.T) {
	for suite, prefix := range map[v1alpha1.Suite]string{v1alpha1.SuiteHybrid: "age1tagpq1", v1alpha1.SuiteP256: "age1tag1"} {
		// Several keys, so that both signs of y come up under compression.
		for _, label := range []string{"a", "b", "c", "d", "e", "f"} {
			key := deriveKey(t, suite, label)
			text := key.Public.String()
			if !strings.HasPrefix(text, prefix) {
				t.Errorf("%s: %.20s…, want %s…", suite, text, prefix)
			}
			parsed, err := sealing.ParsePublicKey(suite, text)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Suite() != suite || parsed.String() != text || !bytes.Equal(parsed.HPKE().Bytes(), key.Private.PublicKey().Bytes()) {
				t.Errorf("%s: another key came back", suite)
			}
			if recipient, err := tag.ParseRecipient(text); err != nil || recipient.String() != text {
				t.Errorf("age itself does not read the key: %v", err)
			}
			if other := map[v1alpha1.Suite]v1alpha1.Suite{v1alpha1.SuiteHybrid: v1alpha1.SuiteP256, v1alpha1.SuiteP256: v1alpha1.SuiteHybrid}[suite]; parses(other, text) {
				t.Errorf("a key of suite %s passed for one of %s", suite, other)
			}
		}
	}
}

func parses(suite v1alpha1.Suite, text string) bool {
	_, err := sealing.ParsePublicKey(suite, text)
	return err == nil
}

func TestPublicKeysThatAreRefused(t *testing.T) {
	hybrid := deriveKey(t, v1alpha1.SuiteHybrid, "a").Private.PublicKey().Bytes()
	lattice, point := hybrid[:1184], hybrid[1184:]
	offCurve := append([]byte(nil), point...)
	offCurve[64] ^= 1
	overflow := append(bytes.Repeat([]byte{0xff}, 384), lattice[384:]...)
	tests := map[string]struct {
		suite       v1alpha1.Suite
		p256, mlkem []byte
	}{
		"a point off the curve":                              {v1alpha1.SuiteP256, offCurve, nil},
		"a compressed point":                                 {v1alpha1.SuiteP256, append([]byte{2}, point[1:33]...), nil},
		"the point at infinity":                              {v1alpha1.SuiteP256, []byte{0}, nil},
		"no point":                                           {v1alpha1.SuiteP256, nil, nil},
		"an ML-KEM key beside P256":                          {v1alpha1.SuiteP256, point, lattice},
		"a hybrid without an ML-KEM key":                     {v1alpha1.SuiteHybrid, point, nil},
		"a short ML-KEM key":                                 {v1alpha1.SuiteHybrid, point, lattice[1:]},
		"an ML-KEM key with coefficients beyond the modulus": {v1alpha1.SuiteHybrid, point, overflow},
		"an unknown suite":                                   {"RSA", point, nil},
	}
	for name, test := range tests {
		if _, err := sealing.NewPublicKey(test.suite, test.p256, test.mlkem); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
