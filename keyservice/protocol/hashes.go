package protocol

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"

	"github.com/bulla-dev/bulla/api/hexid"
)

// SPKIHash is "sha256:" and the hexadecimal SHA-256 of the certificate's
// SubjectPublicKeyInfo: the form of Cluster.spec.identity and of
// [JoinToken].CAHash. It names the key, so it outlives a renewed certificate.
func SPKIHash(certificate *x509.Certificate) string {
	return hexid.Digest(certificate.RawSubjectPublicKeyInfo)
}

// PublicKeyHash is [SPKIHash] for a bare public key.
func PublicKeyHash(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("hash public key: %w", err)
	}
	return hexid.Digest(der), nil
}

// RequestID is how the audit log names the request with this nonce: the first 16
// bytes of its SHA-256, in hexadecimal. The caller chose the nonce, so that an
// entry of another request cannot stand for this one.
func RequestID(nonce []byte) string {
	sum := sha256.Sum256(nonce)
	return hex.EncodeToString(sum[:16])
}
