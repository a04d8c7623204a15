package sealing

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/mlkem"
	"encoding/base64"
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// tagSize is AES-256-GCM's.
const tagSize = 16

// encSize is the length of HPKE's encapsulated key, in bytes; the P-256 point
// is its end in both suites. Zero for an unknown suite.
func encSize(suite api.Suite) int {
	switch suite {
	case api.SuiteP256:
		return pointSize
	case api.SuiteHybrid:
		return mlkem.CiphertextSize768 + pointSize
	}
	return 0
}

func innerSize(kind TargetKind) int {
	if kind == Cluster {
		return stanzaSize
	}
	return fileKeySize
}

// CheckLock refuses a lock that is not one canonical spelling of something an
// honest sealer could have made under the suite of its key: base64, exact
// length, a P-256 point on the curve. It comes before any use of the token,
// which answers a bad point as if it were broken itself.
func CheckLock(suite api.Suite, lock api.Lock) error {
	_, err := decodeLock(suite, lock)
	return err
}

func decodeLock(suite api.Suite, lock api.Lock) ([]byte, error) {
	target, err := ParseTarget(lock.Target)
	if err != nil {
		return nil, err
	}
	enc := encSize(suite)
	if enc == 0 {
		return nil, refuse(ClassParse, "suite %q is not known", suite)
	}
	ciphertext, ok := decodeCanonical(base64.StdEncoding, lock.Ciphertext)
	if !ok {
		return nil, refuse(ClassParse, "lock ciphertext is not canonical base64")
	}
	if want := enc + innerSize(target.Kind) + tagSize; len(ciphertext) != want {
		return nil, refuse(ClassLength, "lock ciphertext has %d bytes; suite %s for a %s has %d", len(ciphertext), suite,
			target.Kind, want)
	}
	if _, err := ecdh.P256().NewPublicKey(ciphertext[enc-pointSize : enc]); err != nil {
		return nil, errPoint
	}
	return ciphertext, nil
}

// lockInfo is HPKE's info: context, target and SHA-256 of the payload's armored
// text, each with a 32-bit big-endian length before it.
func lockInfo(c Context, target Target, payload [32]byte) []byte {
	info := appendElement(nil, c.Bytes())
	info = appendElement(info, target.String())
	return appendElement(info, payload[:])
}

// sealLock makes one lock. It does not keep fileKey.
func sealLock(key api.SealingKey, public PublicKey, info, fileKey []byte, target LockTarget) (api.Lock, error) {
	inner, err := innerSecret(fileKey, target)
	if err != nil {
		return api.Lock{}, fmt.Errorf("seal lock for %s: %w", target, err)
	}
	defer clear(inner)
	ciphertext, err := hpke.Seal(public.HPKE(), hpke.HKDFSHA256(), hpke.AES256GCM(), info, inner)
	if err != nil {
		return api.Lock{}, fmt.Errorf("seal lock for %s: %w", target, err)
	}
	return api.Lock{Target: target.String(), Key: key.ID, Ciphertext: base64.StdEncoding.EncodeToString(ciphertext)}, nil
}

func innerSecret(fileKey []byte, target LockTarget) ([]byte, error) {
	if target.Kind == Set {
		return append([]byte(nil), fileKey...), nil
	}
	recipient, err := parseClusterRecipient(target.Recipient)
	if err != nil {
		return nil, err
	}
	stanza, err := wrapFor(recipient, fileKey)
	if err != nil {
		return nil, err
	}
	return stanza.marshal(), nil
}
