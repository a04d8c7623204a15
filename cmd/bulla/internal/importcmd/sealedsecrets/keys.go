package sealedsecrets

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	corev1 "k8s.io/api/core/v1"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/desk/values"
)

// KeysHint says how the controller's keys come here without a file: one in the
// repository is a commit away from everybody.
const KeysHint = "kubectl -n kube-system get secret -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml | " +
	"bulla import sealed-secrets FILE... --keys -"

// readKeys reads the Secrets in which the controller keeps its keys, by fingerprint.
func readKeys(files *haul.Files, paths []string) (map[string]*rsa.PrivateKey, error) {
	keys := map[string]*rsa.PrivateKey{}
	for _, path := range paths {
		data, err := files.Read(path)
		if err != nil {
			return nil, err
		}
		for _, doc := range haul.Documents(path, data) {
			if doc.Bad || doc.Kind != "Secret" {
				continue
			}
			secret, err := values.Parse(doc.Data)
			if err != nil {
				return nil, fault.New(KeysHint, "read keys of Sealed Secrets: %s: %w", doc.At, err)
			}
			if err := add(keys, doc.At, secret); err != nil {
				return nil, err
			}
		}
	}
	if len(keys) == 0 {
		return nil, fault.New(KeysHint, "read keys of Sealed Secrets: there is none in --keys")
	}
	return keys, nil
}

func add(keys map[string]*rsa.PrivateKey, at string, secret *corev1.Secret) error {
	block, _ := pem.Decode(secret.Data[corev1.TLSPrivateKeyKey])
	if block == nil {
		return fault.New(KeysHint, "read keys of Sealed Secrets: %s has no tls.key in PEM", at)
	}
	key, err := rsaKey(block.Bytes)
	if err != nil {
		return fault.New(KeysHint, "read keys of Sealed Secrets: %s: %w", at, err)
	}
	fingerprint, err := crypto.PublicKeyFingerprint(&key.PublicKey)
	if err != nil {
		return fault.New(KeysHint, "read keys of Sealed Secrets: %s: %w", at, err)
	}
	keys[fingerprint] = key
	return nil
}

func rsaKey(der []byte) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("tls.key is no private key")
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("tls.key is no RSA key")
}
