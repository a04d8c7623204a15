package hsm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// Signer returns the signing key with a label of [SignerLabel]: root, ca or log
// of the configured fleet, or one that succeeds it ([IsRole]). It signs SHA-256 digests, gives ASN.1 DER, and checks
// each signature before it returns it.
func (w *Worker) Signer(ctx context.Context, label string) (crypto.Signer, error) {
	role := strings.TrimPrefix(label, SignerLabel(w.cfg.Fleet, ""))
	if !IsRole(role) || label != SignerLabel(w.cfg.Fleet, role) {
		return nil, fmt.Errorf("find signing key %q: %w", label, ErrNoKey)
	}
	r, err := w.do(ctx, wire.Request{Op: wire.OpSigner, Key: role})
	if err != nil {
		return nil, fmt.Errorf("find signing key %q: %w", label, err)
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), r.Data)
	if err != nil {
		return nil, fmt.Errorf("read signing key %q: %w", label, err)
	}
	return &signer{worker: w, role: role, public: pub}, nil
}

type signer struct {
	worker *Worker
	role   string
	public *ecdsa.PublicKey
}

func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign signs a SHA-256 digest. The token has its own source of randomness.
func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, fmt.Errorf("sign with key %q: want a SHA-256 digest", s.role)
	}
	// crypto.Signer has no context; the worker's deadlines bound this.
	r, err := s.worker.do(context.Background(), wire.Request{Op: wire.OpSign, Key: s.role, Data: digest})
	if err != nil {
		return nil, fmt.Errorf("sign with key %q: %w", s.role, err)
	}
	der, err := derSignature(r.Data)
	if err != nil {
		return nil, fmt.Errorf("sign with key %q: %w", s.role, err)
	}
	// A faulty signature can give the key away, and a checkpoint or a
	// certificate that does not verify must not leave the service.
	if !ecdsa.VerifyASN1(s.public, digest, der) {
		return nil, fmt.Errorf("sign with key %q: the token's signature does not verify", s.role)
	}
	return der, nil
}

// derSignature turns PKCS#11's r ‖ s into ECDSA-Sig-Value (RFC 3279, 2.2.3).
func derSignature(raw []byte) ([]byte, error) {
	if len(raw) == 0 || len(raw)%2 != 0 {
		return nil, errors.New("the token's signature has an odd size")
	}
	half := len(raw) / 2
	return asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])})
}
