package audit_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/sealing"
)

const fleet = "00112233445566778899aabbccddeeff"

// numbered is a log of n entries that can be told apart.
func numbered(t testing.TB, n int) *auditlog.Log {
	log := auditlog.New(t, fleet)
	for i := range n {
		log.Append(fmt.Appendf(nil, "entry %d", i))
	}
	return log
}

// newLogKey gives a signer of notes and its verifier.
func newLogKey(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sealing.NewSigner(name, key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := sealing.NewVerifier(sealing.VerifierKey(name, &key.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}
