package sealing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/hexid"
)

// algECDSA is the signature type of C2SP signed-note for ECDSA: the key is a
// PKIX SubjectPublicKeyInfo in DER, its hash the start of SHA-256 over that,
// the signature ASN.1 over SHA-256 of the text.
const algECDSA = 2

// VerifierKey is the text form of a key of signed notes, "name+hash+base64":
// the root key, which is pinned outside Git, and the audit log's. It is empty
// when pub is not on P-256, or when the name has a space or a plus sign.
func VerifierKey(name string, pub *ecdsa.PublicKey) string {
	key, err := newNoteKey(name, pub)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s+%08x+%s", name, key.hash,
		base64.StdEncoding.EncodeToString(append([]byte{algECDSA}, key.spki...)))
}

// NewVerifier reads the text form that [VerifierKey] writes, with an ECDSA
// P-256 key.
func NewVerifier(text string) (note.Verifier, error) {
	key, err := parseVerifierKey(text)
	if err != nil {
		return nil, err
	}
	return key, nil
}

// ReadVerifierKey is the key in the text form that [VerifierKey] writes.
func ReadVerifierKey(text string) (*ecdsa.PublicKey, error) {
	key, err := parseVerifierKey(text)
	if err != nil {
		return nil, err
	}
	return key.pub, nil
}

// Fingerprint is "sha256:" and the hash of the key (SubjectPublicKeyInfo) in a verifier
// key: what people compare.
func Fingerprint(verifierKey string) (string, error) {
	key, err := parseVerifierKey(verifierKey)
	if err != nil {
		return "", err
	}
	return hexid.Digest(key.spki), nil
}

// NewSigner signs notes as name with a P-256 key, which may be in a token.
func NewSigner(name string, signer crypto.Signer) (note.Signer, error) {
	pub, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the key %q is a %T, not ECDSA", name, signer.Public())
	}
	key, err := newNoteKey(name, pub)
	if err != nil {
		return nil, err
	}
	return noteSigner{key, signer}, nil
}

// noteKey is a [note.Verifier].
type noteKey struct {
	name string
	hash uint32
	spki []byte
	pub  *ecdsa.PublicKey
}

func newNoteKey(name string, pub *ecdsa.PublicKey) (noteKey, error) {
	if name == "" || strings.ContainsAny(name, "+ \t\r\n") {
		return noteKey{}, fmt.Errorf("name %q of the key has a space or '+', or is empty", name)
	}
	if pub.Curve != elliptic.P256() {
		return noteKey{}, errors.New("the key is not on P-256")
	}
	spki, err := spkiOf(pub)
	if err != nil {
		return noteKey{}, fmt.Errorf("encode root key: %w", err)
	}
	sum := sha256.Sum256(spki)
	return noteKey{name: name, hash: binary.BigEndian.Uint32(sum[:]), spki: spki, pub: pub}, nil
}

func parseVerifierKey(text string) (noteKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	raw, ok := decodeCanonical(base64.StdEncoding, encoded)
	if !ok || len(raw) < 2 || raw[0] != algECDSA {
		return noteKey{}, errors.New("not of the form NAME+HASH+KEY with an ECDSA key")
	}
	pub, err := parseSPKI(raw[1:])
	if err != nil {
		return noteKey{}, err
	}
	key, err := newNoteKey(name, pub)
	if err != nil {
		return noteKey{}, err
	}
	if hash != fmt.Sprintf("%08x", key.hash) {
		return noteKey{}, errors.New("the hash does not fit the key")
	}
	return key, nil
}

func (k noteKey) Name() string    { return k.name }
func (k noteKey) KeyHash() uint32 { return k.hash }

func (k noteKey) Verify(msg, sig []byte) bool {
	digest := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(k.pub, digest[:], sig)
}

// noteSigner is a [note.Signer].
type noteSigner struct {
	noteKey
	signer crypto.Signer
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) {
	digest := sha256.Sum256(msg)
	return s.signer.Sign(rand.Reader, digest[:], crypto.SHA256)
}
