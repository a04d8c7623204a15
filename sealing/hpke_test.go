package sealing_test

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
)

// hexBytes is a byte string in hexadecimal JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type hpkeVector struct {
	KEM         uint16   `json:"kem_id"`
	AEAD        uint16   `json:"aead_id"`
	Info        hexBytes `json:"info"`
	Private     hexBytes `json:"skRm"`
	Public      hexBytes `json:"pkRm"`
	Enc         hexBytes `json:"enc"`
	Encryptions []struct {
		AAD        hexBytes `json:"aad"`
		Ciphertext hexBytes `json:"ct"`
		Plaintext  hexBytes `json:"pt"`
	} `json:"encryptions"`
	AccumulatedExports hexBytes `json:"exports_accumulated"`
}

func readHPKEVectors(t *testing.T, file string) []hpkeVector {
	t.Helper()
	data, err := fs.ReadFile(testdata(), path.Join("testdata", "hpke", file))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []hpkeVector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatalf("%s has no vectors", file)
	}
	return vectors
}

// recipient opens a vector the way a token does: the P-256 private key is an
// ecdh.KeyExchanger and nothing else.
func (v hpkeVector) recipient(t *testing.T) *hpke.Recipient {
	t.Helper()
	suite := api.SuiteP256
	if v.KEM == hpke.MLKEM768P256().ID() {
		suite = api.SuiteHybrid
	}
	key, err := softkey.FromSeed(suite, v.Private)
	if err != nil {
		t.Fatal(err)
	}
	if got := key.Public.HPKE().Bytes(); !bytes.Equal(got, v.Public) {
		t.Fatalf("public key %x, want %x", got, v.Public)
	}
	aead, err := hpke.NewAEAD(v.AEAD)
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := hpke.NewRecipient(v.Enc, key.Private, hpke.HKDFSHA256(), aead, v.Info)
	if err != nil {
		t.Fatal(err)
	}
	return recipient
}

func TestRFC9180VectorsThroughAKeyExchanger(t *testing.T) {
	seen := map[uint16]bool{}
	for _, v := range readHPKEVectors(t, "rfc9180.json") {
		t.Run(fmt.Sprintf("aead %d", v.AEAD), func(t *testing.T) {
			seen[v.AEAD] = true
			recipient := v.recipient(t)
			source, sink := sha3.NewSHAKE128(), sha3.NewSHAKE128()
			for length := range 1000 {
				value, err := recipient.Export(string(drawInput(t, source)), length)
				if err != nil {
					t.Fatal(err)
				}
				sink.Write(value)
			}
			got := make([]byte, 16)
			sink.Read(got)
			if !bytes.Equal(got, v.AccumulatedExports) {
				t.Errorf("exports %x, want %x", got, v.AccumulatedExports)
			}
			if v.AEAD == hpke.AES128GCM().ID() {
				checkAppendixA3(t, recipient)
			}
		})
	}
	if !seen[hpke.AES128GCM().ID()] || !seen[hpke.AES256GCM().ID()] {
		t.Errorf("ciphersuites seen: %v", seen)
	}
}

// checkAppendixA3 opens the first encryption of RFC 9180, appendix A.3.1.1.
func checkAppendixA3(t *testing.T, recipient *hpke.Recipient) {
	t.Helper()
	ciphertext, err := hex.DecodeString("5ad590bb8baa577f8619db35a36311226a896e7342a6d8" +
		"36d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434")
	if err != nil {
		t.Fatal(err)
	}
	got, err := recipient.Open([]byte("Count-0"), ciphertext)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Beauty is truth, truth beauty"; string(got) != want {
		t.Errorf("plaintext %q, want %q", got, want)
	}
}

func TestHybridVectorsThroughAKeyExchanger(t *testing.T) {
	for _, v := range readHPKEVectors(t, "hpke-pq.json") {
		if len(v.Encryptions) == 0 {
			t.Fatal("a vector has no encryptions")
		}
		recipient := v.recipient(t)
		for i, e := range v.Encryptions {
			got, err := recipient.Open(e.AAD, e.Ciphertext)
			if err != nil {
				t.Fatalf("encryption %d: %v", i, err)
			}
			if !bytes.Equal(got, e.Plaintext) {
				t.Errorf("encryption %d: %x, want %x", i, got, e.Plaintext)
			}
		}
	}
}

func drawInput(t *testing.T, source io.Reader) []byte {
	t.Helper()
	length := make([]byte, 1)
	if _, err := io.ReadFull(source, length); err != nil {
		t.Fatal(err)
	}
	input := make([]byte, length[0])
	if _, err := io.ReadFull(source, input); err != nil {
		t.Fatal(err)
	}
	return input
}
