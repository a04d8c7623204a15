package protocol

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	requestBlock     = "CERTIFICATE REQUEST"
	certificateBlock = "CERTIFICATE"
)

// NewRequest is a certificate request (PKCS#10, DER). It carries the public key
// and nothing else: the name comes from the token, or from the certificate
// presented, never from the caller.
func NewRequest(key crypto.Signer) ([]byte, error) {
	if key == nil {
		return nil, errors.New("make certificate request: no key")
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}

// PersonRequest is a certificate request (PEM) for a person's key. It carries
// the public key and proves possession; the name comes from the operator.
func PersonRequest(key crypto.Signer) ([]byte, error) {
	der, err := NewRequest(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: requestBlock, Bytes: der}), nil
}

// ReadRequest returns the request in a PEM file (DER).
func ReadRequest(file []byte) ([]byte, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != requestBlock || len(strings.TrimSpace(string(rest))) != 0 {
		return nil, fmt.Errorf("read certificate request: it is not one PEM block %q", requestBlock)
	}
	return block.Bytes, nil
}

// WritePerson is the file that an operator hands to a person: the certificate,
// and the authority that the service is verified under.
func WritePerson(certificate, ca *x509.Certificate) []byte {
	file := pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: certificate.Raw})
	return append(file, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: ca.Raw})...)
}

// ReadPersonFile reads the file of [WritePerson]: two certificates, of the person
// and of the authority, and nothing else. Neither is verified.
func ReadPersonFile(file []byte) (certificate, ca *x509.Certificate, err error) {
	var chain []*x509.Certificate
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			break
		}
		if block.Type != certificateBlock || len(chain) == 2 {
			return nil, nil, errors.New("read certificate: the file holds more than a certificate and its authority's")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("read certificate: %w", err)
		}
		chain, file = append(chain, certificate), rest
	}
	if len(chain) != 2 {
		return nil, nil, errors.New("read certificate: the file does not hold a certificate and its authority's")
	}
	return chain[0], chain[1], nil
}
