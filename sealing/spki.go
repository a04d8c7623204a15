package sealing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
)

// spkiP256 is what comes before the point in a SubjectPublicKeyInfo of a key on P-256 in
// uncompressed form (RFC 5480, section 2; RFC 5280, section 4.1.2.7): in DER there is one
// encoding of it. Package crypto/x509 reads the same, and brings RSA, DSA, DES, the network
// and a sixth of its size into every page that seals.
var spkiP256 = []byte{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00}

// spkiOf encodes a key on P-256.
func spkiOf(pub *ecdsa.PublicKey) ([]byte, error) {
	point, err := pub.Bytes()
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(spkiP256), point...), nil
}

// parseSPKI decodes a key on P-256. Its point is on the curve.
func parseSPKI(der []byte) (*ecdsa.PublicKey, error) {
	point, ok := bytes.CutPrefix(der, spkiP256)
	if !ok {
		return nil, errors.New("the key is not an ECDSA key on P-256 in PKIX form")
	}
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}
