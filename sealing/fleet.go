package sealing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// ErrSignature means that a fleet's signature is not the root key's, or is
// over other keys and recipients than the fleet has.
var ErrSignature = errors.New("fleet signature does not verify")

// algECDSA is the signature type of C2SP signed-note for ECDSA: the key is a
// PKIX SubjectPublicKeyInfo in DER, its hash the start of SHA-256 over that,
// the signature ASN.1 over SHA-256 of the text.
const algECDSA = 2

// VerifierKey is the text form of a root key, "name+hash+base64", which is
// pinned outside Git. It is empty when pub is not on P-256, or when the name
// has a space or a plus sign.
func VerifierKey(name string, pub *ecdsa.PublicKey) string {
	key, err := newRootKey(name, pub)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s+%08x+%s", name, key.hash, base64.StdEncoding.EncodeToString(append([]byte{algECDSA}, key.spki...)))
}

// SignFleet signs the fleet's id, sealing keys and recovery recipients and
// sets spec.Signature to the signed note. Signer has a P-256 key.
func SignFleet(spec *v1alpha1.FleetSpec, name string, signer crypto.Signer) error {
	pub, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("sign fleet: the root key is a %T, not ECDSA", signer.Public())
	}
	key, err := newRootKey(name, pub)
	if err != nil {
		return fmt.Errorf("sign fleet: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: string(spec.SignedText())}, rootSigner{key, signer})
	if err != nil {
		return fmt.Errorf("sign fleet: %w", err)
	}
	spec.Signature = string(signed)
	return nil
}

// VerifyFleet checks spec.Signature under the pinned root key. A signature
// that is missing, foreign or over other keys is [ErrSignature].
func VerifyFleet(spec *v1alpha1.FleetSpec, verifierKey string) error {
	key, err := parseVerifierKey(verifierKey)
	if err != nil {
		return fmt.Errorf("read root verifier key: %w", err)
	}
	opened, err := note.Open([]byte(spec.Signature), note.VerifierList(key))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if !bytes.Equal([]byte(opened.Text), spec.SignedText()) {
		return fmt.Errorf("%w: it covers other keys or recipients than the fleet has", ErrSignature)
	}
	return nil
}

// rootKey is the fleet's root key as a [note.Verifier].
type rootKey struct {
	name string
	hash uint32
	spki []byte
	pub  *ecdsa.PublicKey
}

func newRootKey(name string, pub *ecdsa.PublicKey) (rootKey, error) {
	if name == "" || strings.ContainsAny(name, "+ \t\r\n") {
		return rootKey{}, fmt.Errorf("name %q of the root key has a space or '+', or is empty", name)
	}
	if pub.Curve != elliptic.P256() {
		return rootKey{}, errors.New("the root key is not on P-256")
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return rootKey{}, fmt.Errorf("encode root key: %w", err)
	}
	sum := sha256.Sum256(spki)
	return rootKey{name: name, hash: binary.BigEndian.Uint32(sum[:]), spki: spki, pub: pub}, nil
}

func parseVerifierKey(text string) (rootKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	raw, ok := decodeCanonical(base64.StdEncoding, encoded)
	if !ok || len(raw) < 2 || raw[0] != algECDSA {
		return rootKey{}, errors.New("not of the form NAME+HASH+KEY with an ECDSA key")
	}
	parsed, err := x509.ParsePKIXPublicKey(raw[1:])
	if err != nil {
		return rootKey{}, errors.New("the key is not a public key in PKIX form")
	}
	pub, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return rootKey{}, fmt.Errorf("the key is a %T, not ECDSA", parsed)
	}
	key, err := newRootKey(name, pub)
	if err != nil {
		return rootKey{}, err
	}
	if want, err := strconv.ParseUint(hash, 16, 32); err != nil || uint32(want) != key.hash {
		return rootKey{}, errors.New("the hash does not fit the key")
	}
	return key, nil
}

func (k rootKey) Name() string    { return k.name }
func (k rootKey) KeyHash() uint32 { return k.hash }

func (k rootKey) Verify(msg, sig []byte) bool {
	digest := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(k.pub, digest[:], sig)
}

// rootSigner is the root key in the token as a [note.Signer].
type rootSigner struct {
	rootKey
	signer crypto.Signer
}

func (s rootSigner) Sign(msg []byte) ([]byte, error) {
	digest := sha256.Sum256(msg)
	return s.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
}
