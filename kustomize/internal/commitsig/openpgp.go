package commitsig

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// maxKey bounds one armored public key, in bytes.
const maxKey = 256 << 10

// hashes that a signature may be over; SHA-1 is not.
var hashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// parseOpenPGPKey reads one armored public key with its subkeys.
func parseOpenPGPKey(text string) (*openpgp.Entity, error) {
	if len(text) > maxKey {
		return nil, fmt.Errorf("is longer than %d bytes", maxKey)
	}
	if strings.Count(text, "-----BEGIN ") != 1 {
		return nil, errors.New("is not one armored block; write one key to an entry")
	}
	body, err := unarmor(text, openpgp.PublicKeyType)
	if err != nil {
		return nil, errors.New("is not an armored OpenPGP public key (gpg --armor --export KEY)")
	}
	keys, err := openpgp.ReadKeyRing(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read OpenPGP key: %w", err)
	}
	if len(keys) != 1 {
		return nil, fmt.Errorf("holds %d keys; write one to an entry", len(keys))
	}
	if keys[0].PrivateKey != nil {
		return nil, errors.New("holds a private key")
	}
	return keys[0], nil
}

// unarmor returns the content of an armored block of the type.
func unarmor(text, kind string) ([]byte, error) {
	block, err := armor.Decode(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if block.Type != kind {
		return nil, fmt.Errorf("armored %q, not %q", block.Type, kind)
	}
	return io.ReadAll(block.Body)
}

// verifyOpenPGP checks a detached signature (RFC 9580, 5.2). The key, its
// signing subkey and the signature must be valid now.
func (s *Signers) verifyOpenPGP(payload []byte, armored string, now time.Time) (string, error) {
	body, made, err := oneSignature(armored)
	if err != nil {
		return "", err
	}
	at := now
	if made.After(now) && !made.After(now.Add(clockSkew)) {
		at = made // the signer's clock is ahead, and the library knows no tolerance
	}
	config := &packet.Config{Time: func() time.Time { return at }, MinRSABits: minRSABits}
	signer, err := openpgp.CheckDetachedSignatureAndHash(s.pgp, bytes.NewReader(payload), bytes.NewReader(body), hashes,
		config)
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", errors.New("it is signed by an OpenPGP key that is not an allowed signer's")
	case err != nil && signer != nil: // the signature holds, and its time or the key's does not
		return "", fmt.Errorf("it is signed by %s, whose key or signature does not count now: %w", nameOf(signer), err)
	case err != nil:
		return "", errors.New("its OpenPGP signature is not over this commit")
	}
	return nameOf(signer), nil
}

// clockSkew is how far a signer's clock may be ahead.
const clockSkew = 24 * time.Hour

// oneSignature wants one armored block with one binary signature: of several,
// one program would verify the first and another the last. It says when the
// signer made it.
func oneSignature(armored string) ([]byte, time.Time, error) {
	const end = "-----END PGP SIGNATURE-----"
	if before, after, _ := strings.Cut(armored, end); strings.Count(before, "-----BEGIN ") != 1 ||
		strings.TrimSpace(after) != "" {
		return nil, time.Time{}, errors.New("its OpenPGP signature is not one armored block")
	}
	body, err := unarmor(armored, openpgp.SignatureType)
	if err != nil {
		return nil, time.Time{}, errors.New("its OpenPGP signature cannot be read")
	}
	packets := packet.NewReader(bytes.NewReader(body))
	first, err := packets.Next()
	sig, ok := first.(*packet.Signature)
	if err != nil || !ok {
		return nil, time.Time{}, errors.New("its OpenPGP signature cannot be read")
	}
	if _, err := packets.Next(); !errors.Is(err, io.EOF) {
		return nil, time.Time{}, errors.New("it has more than one OpenPGP signature")
	}
	if sig.SigType != packet.SigTypeBinary || !slices.Contains(hashes, sig.Hash) || sig.IssuerKeyId == nil {
		return nil, time.Time{}, errors.New("its OpenPGP signature is not a binary one over SHA-256, SHA-384 or SHA-512")
	}
	return body, sig.CreationTime, nil
}

// nameOf is the key's own name for itself, and its fingerprint.
func nameOf(key *openpgp.Entity) string {
	fingerprint := fmt.Sprintf("%X", key.PrimaryKey.Fingerprint)
	if identity := key.PrimaryIdentity(); identity != nil && identity.UserId != nil && identity.UserId.Email != "" {
		return identity.UserId.Email + " " + fingerprint
	}
	return fingerprint
}
