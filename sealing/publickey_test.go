package sealing_test

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age/plugin"
	"filippo.io/age/tag"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func TestAPublicKeyHasOneTextForm(t *testing.T) {
	for suite, prefix := range map[api.Suite]string{api.SuiteHybrid: "age1tagpq1", api.SuiteP256: "age1tag1"} {
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
			if parsed.Suite() != suite || parsed.String() != text ||
				!bytes.Equal(parsed.HPKE().Bytes(), key.Private.PublicKey().Bytes()) {
				t.Errorf("%s: another key came back", suite)
			}
			if recipient, err := tag.ParseRecipient(text); err != nil || recipient.String() != text {
				t.Errorf("age itself does not read the key: %v", err)
			}
			if other := map[api.Suite]api.Suite{api.SuiteHybrid: api.SuiteP256,
				api.SuiteP256: api.SuiteHybrid}[suite]; parses(other, text) {
				t.Errorf("a key of suite %s passed for one of %s", suite, other)
			}
		}
	}
}

func parses(suite api.Suite, text string) bool {
	_, err := sealing.ParsePublicKey(suite, text)
	return err == nil
}

func TestPublicKeysThatAreRefused(t *testing.T) {
	hybrid := deriveKey(t, api.SuiteHybrid, "a").Private.PublicKey().Bytes()
	lattice, point := hybrid[:1184], hybrid[1184:]
	offCurve := append([]byte(nil), point...)
	offCurve[64] ^= 1
	overflow := append(bytes.Repeat([]byte{0xff}, 384), lattice[384:]...)
	tests := map[string]struct {
		suite       api.Suite
		p256, mlkem []byte
	}{
		"a point off the curve":                              {api.SuiteP256, offCurve, nil},
		"a compressed point":                                 {api.SuiteP256, append([]byte{2}, point[1:33]...), nil},
		"the point at infinity":                              {api.SuiteP256, []byte{0}, nil},
		"no point":                                           {api.SuiteP256, nil, nil},
		"an ML-KEM key beside P256":                          {api.SuiteP256, point, lattice},
		"a hybrid without an ML-KEM key":                     {api.SuiteHybrid, point, nil},
		"a short ML-KEM key":                                 {api.SuiteHybrid, point, lattice[1:]},
		"an ML-KEM key with coefficients beyond the modulus": {api.SuiteHybrid, point, overflow},
		"an unknown suite":                                   {"RSA", point, nil},
	}
	for name, test := range tests {
		if _, err := sealing.NewPublicKey(test.suite, test.p256, test.mlkem); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestWhatAgeRefusesIsRefused: of texts that are nearly a hardware key's, none is read that
// age's own package does not read.
func TestWhatAgeRefusesIsRefused(t *testing.T) {
	hybrid := deriveKey(t, api.SuiteHybrid, "a").Private.PublicKey().Bytes()
	lattice, point := hybrid[:1184], hybrid[1184:]
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	off := func(raw []byte, first byte) []byte { return append([]byte{first}, raw[1:]...) }
	for name, raw := range map[string]struct {
		name string
		key  []byte
	}{
		"nothing":                        {"tag", nil},
		"the point at infinity":          {"tag", []byte{0}},
		"an uncompressed point":          {"tag", point},
		"a byte less":                    {"tag", compressed[:32]},
		"a byte more":                    {"tag", append(compressed[:33:33], 0)},
		"no form of a point":             {"tag", off(compressed, 5)},
		"a coordinate beyond the field":  {"tag", append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...)},
		"a hybrid under the other name":  {"tag", hybrid},
		"a point under the other name":   {"tagpq", compressed},
		"a hybrid's lattice alone":       {"tagpq", lattice},
		"a hybrid with infinity":         {"tagpq", append(lattice[:1184:1184], 0)},
		"a hybrid of a compressed point": {"tagpq", append(lattice[:1184:1184], compressed...)},
		"a hybrid with a byte more":      {"tagpq", append(hybrid[:len(hybrid):len(hybrid)], 0)},
		"a hybrid point off the curve":   {"tagpq", append(hybrid[:len(hybrid)-1:len(hybrid)-1], hybrid[len(hybrid)-1]^1)},
		"a name of nobody":               {"tagx", compressed},
	} {
		refused(t, name, plugin.EncodeRecipient(raw.name, raw.key))
	}
	good := plugin.EncodeRecipient("tag", compressed)
	if !parses(api.SuiteP256, good) {
		t.Fatalf("%s is refused", good)
	}
	for name, text := range map[string]string{"upper case": strings.ToUpper(good), "a line end": good + "\n",
		"a space before": " " + good, "mixed case": good[:20] + strings.ToUpper(good[20:]), "no text": "",
		"another checksum": good[:len(good)-1] + map[bool]string{true: "q", false: "p"}[good[len(good)-1] != 'q']} {
		refused(t, name, text)
	}
}

func refused(t *testing.T, name, text string) {
	t.Helper()
	if _, err := tag.ParseRecipient(text); err == nil {
		t.Errorf("%s: age itself reads it", name)
	}
	for _, suite := range []api.Suite{api.SuiteP256, api.SuiteHybrid, ""} {
		if parses(suite, text) {
			t.Errorf("%s passes for a key of suite %q", name, suite)
		}
	}
}
