package hsm_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// vector is one of RFC 9180's, base mode with DHKEM(P-256, HKDF-SHA256), as in
// github.com/cfrg/draft-irtf-cfrg-hpke at 5f503c5, with its first four
// encryptions.
type vector struct {
	KDF         uint16 `json:"kdf_id"`
	AEAD        uint16 `json:"aead_id"`
	Info        hexa   `json:"info"`
	Private     hexa   `json:"skRm"`
	Public      hexa   `json:"pkRm"`
	Enc         hexa   `json:"enc"`
	Encryptions []struct {
		AAD        hexa `json:"aad"`
		Ciphertext hexa `json:"ct"`
		Plaintext  hexa `json:"pt"`
	} `json:"encryptions"`
	Exports []struct {
		Context hexa `json:"exporter_context"`
		Length  int  `json:"L"`
		Value   hexa `json:"exported_value"`
	} `json:"exports"`
}

type hexa []byte

func (h *hexa) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func TestRFC9180VectorsThroughTheToken(t *testing.T) {
	data, err := os.ReadFile("testdata/rfc9180-p256.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 8 {
		t.Fatalf("%d vectors, want 8", len(vectors))
	}
	tok := token.ForTest(t)
	for _, env := range tok.Env {
		name, value, _ := strings.Cut(env, "=")
		t.Setenv(name, value)
	}
	d, err := hsm.OpenDirect(tok.Config(fleet), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i, v := range vectors {
		t.Run(fmt.Sprintf("kdf %#x aead %#x", v.KDF, v.AEAD), func(t *testing.T) {
			id := fmt.Sprint("vector-", i)
			if err := createKey(d, hsm.SealingLabel(fleet, id), v.Private); err != nil {
				t.Fatal(err)
			}
			v.check(t, d, id)
		})
	}
	if n := calls(t, tok, "C_DeriveKey"); n != 8 {
		t.Errorf("%d derivations in the token, want one for each vector", n)
	}
}

func (v *vector) check(t *testing.T, d *hsm.Direct, id string) {
	t.Helper()
	public, err := ecdh.P256().NewPublicKey(v.Public)
	if err != nil {
		t.Fatal(err)
	}
	private, err := hpke.NewDHKEMPrivateKey(d.Exchanger(id, public))
	if err != nil {
		t.Fatal(err)
	}
	kdf, err := hpke.NewKDF(v.KDF)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := hpke.NewAEAD(v.AEAD)
	if err != nil {
		t.Fatal(err)
	}
	r, err := hpke.NewRecipient(v.Enc, private, kdf, aead, v.Info)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range v.Encryptions {
		got, err := r.Open(e.AAD, e.Ciphertext)
		if err != nil || !bytes.Equal(got, e.Plaintext) {
			t.Errorf("encryption %d opens to %x (%v), want %x", i, got, err, e.Plaintext)
		}
	}
	for i, e := range v.Exports {
		got, err := r.Export(string(e.Context), e.Length)
		if err != nil || !bytes.Equal(got, e.Value) {
			t.Errorf("export %d is %x (%v), want %x", i, got, err, e.Value)
		}
	}
}
