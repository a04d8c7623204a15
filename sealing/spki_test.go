package sealing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"testing"
)

// What the library writes is read, and what is written the library reads: to a byte.
func TestAKeyIsEncodedAsTheLibraryDoes(t *testing.T) {
	for range 32 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		want, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		got, err := spkiOf(&key.PublicKey)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%x, %v; want %x", got, err, want)
		}
		if read, err := parseSPKI(want); err != nil || !read.Equal(&key.PublicKey) {
			t.Fatalf("%v, %v", read, err)
		}
	}
}

func TestOnlyPointsOfP256AreKeys(t *testing.T) {
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := spkiOf(&good.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := x509.MarshalPKIXPublicKey(&modulus.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	offCurve := append([]byte{}, der...)
	offCurve[len(offCurve)-1] ^= 1
	compressed := append(append([]byte{}, spkiP256...), compress(der[len(spkiP256):])...)
	for name, bad := range map[string][]byte{
		"nothing": nil, "a prefix alone": spkiP256, "a point that is cut": der[:len(der)-1], "a byte more": append(der, 0),
		"a point off the curve": offCurve, "a compressed point": compressed, "P-384": p384, "RSA": rsaKey,
		"infinity": append(append([]byte{}, spkiP256...), 0),
	} {
		if key, err := parseSPKI(bad); err == nil {
			t.Errorf("%s is read as %v: %s", name, key, hex.EncodeToString(bad))
		}
	}
}
