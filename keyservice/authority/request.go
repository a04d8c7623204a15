package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// ReadRequest returns the public key (SubjectPublicKeyInfo, DER) that a request
// proves, of a certificate request (DER). Names and extensions in it are not read at all.
func ReadRequest(der []byte) ([]byte, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, errors.New("the certificate request does not parse")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, errors.New("the certificate request does not prove its key")
	}
	public, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("the key is not ECDSA P-256")
	}
	return x509.MarshalPKIXPublicKey(public)
}

// ReadIdentity returns the identity of the key that a certificate request (DER)
// proves. Nothing else in the request is read.
func ReadIdentity(csr []byte) (string, error) {
	der, err := ReadRequest(csr)
	if err != nil {
		return "", fmt.Errorf("read certificate request: %w", err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return "", fmt.Errorf("read certificate request: %w", err)
	}
	return protocol.PublicKeyHash(public)
}
