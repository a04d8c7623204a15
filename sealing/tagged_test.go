package sealing

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/rand"
	"slices"
	"testing"

	"filippo.io/age"
	"filippo.io/age/tag"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// TestAHardwareKeyGetsWhatAgeItselfWrites: the tag, the labels and the stanza's form are those
// of age's own package, and the key opens the file key as age's plugins do.
func TestAHardwareKeyGetsWhatAgeItselfWrites(t *testing.T) {
	for suite, key := range hardwareKeys(t) {
		text := publicOf(t, suite, key).String()
		peer, err := tag.ParseRecipient(text)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := parseAny(text)
		if err != nil {
			t.Fatal(err)
		}
		fileKey := []byte("sixteen bytes of")
		stanzas, labels, err := ours.(tagged).WrapWithLabels(fileKey)
		if err != nil {
			t.Fatal(err)
		}
		theirs, theirLabels, err := peer.WrapWithLabels(fileKey)
		if err != nil {
			t.Fatal(err)
		}
		got, want := stanzas[0], theirs[0]
		if !slices.Equal(labels, theirLabels) || got.Type != want.Type || got.Type != recoveryStanzaOf(text) ||
			len(got.Args) != len(want.Args) || len(got.Args[1]) != len(want.Args[1]) || len(got.Body) != len(want.Body) {
			t.Errorf("%s: %v with labels %v, age writes %v with %v", suite, got, labels, want, theirLabels)
		}
		for _, stanza := range []*age.Stanza{got, want} {
			enc, err := rawBase64.DecodeString(stanza.Args[1])
			if err != nil {
				t.Fatal(err)
			}
			tags, err := peer.Tag(enc)
			if err != nil || stanza.Args[0] != rawBase64.EncodeToString(tags) {
				t.Errorf("%s: the tag is %s, age's %x, %v", suite, stanza.Args[0], tags, err)
			}
			opener, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(),
				[]byte("age-encryption.org/"+got.Type))
			if err != nil {
				t.Fatal(err)
			}
			if opened, err := opener.Open(nil, stanza.Body); err != nil || !bytes.Equal(opened, fileKey) {
				t.Errorf("%s: opens as %q, %v", suite, opened, err)
			}
		}
	}
}

func hardwareKeys(t *testing.T) map[api.Suite]hpke.PrivateKey {
	t.Helper()
	point, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	lattice, err := mlkem.GenerateKey768()
	if err != nil {
		t.Fatal(err)
	}
	classic, err := hpke.NewDHKEMPrivateKey(point)
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := hpke.NewHybridPrivateKey(lattice, point)
	if err != nil {
		t.Fatal(err)
	}
	return map[api.Suite]hpke.PrivateKey{api.SuiteP256: classic, api.SuiteHybrid: hybrid}
}

func publicOf(t *testing.T, suite api.Suite, key hpke.PrivateKey) PublicKey {
	t.Helper()
	raw := key.PublicKey().Bytes()
	point, lattice := raw, []byte(nil)
	if suite == api.SuiteHybrid {
		point, lattice = raw[mlkem.EncapsulationKeySize768:], raw[:mlkem.EncapsulationKeySize768]
	}
	public, err := NewPublicKey(suite, point, lattice)
	if err != nil {
		t.Fatal(err)
	}
	return public
}
