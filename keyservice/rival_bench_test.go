package keyservice_test

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	sealedsecrets "github.com/bitnami-labs/sealed-secrets/pkg/crypto"
)

// BenchmarkSealedSecretsItem is what the nearest rival spends on one item of a
// SealedSecret: RSA-4096-OAEP and AES-GCM, in software, with one key. Compare
// with BenchmarkUnseal in the same run; here an item is one value too.
func BenchmarkSealedSecretsItem(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		b.Fatal(err)
	}
	label := []byte("shop/shop-db")
	ciphertext, err := sealedsecrets.HybridEncrypt(rand.Reader, &key.PublicKey, []byte("a password of usual length"), label)
	if err != nil {
		b.Fatal(err)
	}
	keys := map[string]*rsa.PrivateKey{"one": key}
	for b.Loop() {
		if _, err := sealedsecrets.HybridDecrypt(rand.Reader, keys, ciphertext, label); err != nil {
			b.Fatal(err)
		}
	}
}
