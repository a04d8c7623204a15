package sealer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

// pairs are certificates with their keys, each key in each form that servers read.
func pairs(t *testing.T) (certs [][]byte, keys [][][]byte) {
	t.Helper()
	var all []crypto.Signer
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key)
	}
	for range 2 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range append(all, ed) {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop.example"},
			NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, asPEM("CERTIFICATE", der))
		whole, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		forms := [][]byte{asPEM("PRIVATE KEY", whole)}
		switch key := key.(type) {
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			forms = append(forms, asPEM("EC PRIVATE KEY", der), append(asPEM("EC PARAMETERS", []byte{6, 0}),
				asPEM("EC PRIVATE KEY", der)...))
		case *rsa.PrivateKey:
			forms = append(forms, asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
		}
		keys = append(keys, forms)
	}
	return certs, keys
}

func asPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestACertificateIsHeldAgainstItsKeyBeforeItIsSealed: a server with two halves of two pairs
// does not start, and nobody can look at what was sealed.
func TestACertificateIsHeldAgainstItsKeyBeforeItIsSealed(t *testing.T) {
	root := testfleet.NewRoot(t)
	fleet, err := sealer.Open(given(t, root, 1), root.Key, sealing.Known{}, false)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(shape string, cert, key []byte) error {
		job := newJob([]string{"tls.crt", "tls.key"})
		job.Shape = shape
		_, err := fleet.Seal(job, map[string][]byte{"tls.crt": bytes.Clone(cert), "tls.key": bytes.Clone(key)})
		return err
	}
	certs, keys := pairs(t)
	held := 0
	for i, cert := range certs {
		for n, forms := range keys {
			for _, key := range forms {
				for _, shape := range []string{"tls", ""} { // a new one, and a change of both halves
					err := seal(shape, cert, key)
					if i == n && err != nil {
						t.Errorf("certificate %d with its key: %v", i, err)
					}
					if i != n {
						told(t, err, "is of another certificate")
						held++
					}
				}
			}
		}
	}
	if held < 100 {
		t.Errorf("%d pairs that are none were tried", held)
	}
	chain := append(bytes.Clone(certs[0]), certs[1]...)
	if err := seal("tls", chain, keys[0][0]); err != nil {
		t.Errorf("with its chain: %v", err)
	}
	told(t, seal("tls", chain, keys[1][0]), "certificate 2 in the file, which must be the first")
	told(t, seal("tls", asPEM("CERTIFICATE", []byte("x")), keys[0][0]), "the certificate cannot be read")
	told(t, seal("tls", certs[0], asPEM("PRIVATE KEY", []byte("x"))), "the private key cannot be read")
	told(t, seal("tls", certs[0], asPEM("ENCRYPTED PRIVATE KEY", []byte("x"))), "has a passphrase")
	if err := seal("", []byte("what a program calls so"), []byte("x")); err != nil {
		t.Errorf("a file of another kind under that name: %v", err)
	}
}

// TestBytesThatNoVariableCanHaveAreNotSealedForOne: the pod would never start, and nobody
// could say why.
func TestBytesThatNoVariableCanHaveAreNotSealedForOne(t *testing.T) {
	root := testfleet.NewRoot(t)
	fleet, err := sealer.Open(given(t, root, 1), root.Key, sealing.Known{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"a\x00b", "\xff\xfe"} {
		job := newJob([]string{"a"}, []string{"b"})
		job.Variables = []string{"a"}
		_, err := fleet.Seal(job, map[string][]byte{"a": []byte(value), "b": []byte("text")})
		told(t, err, `the value of "a" is no text`)
		if _, err := fleet.Seal(job, map[string][]byte{"a": []byte("täxt"), "b": []byte(value)}); err != nil {
			t.Errorf("bytes in a file: %v", err)
		}
	}
}
