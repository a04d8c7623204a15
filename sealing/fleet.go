package sealing

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulla-dev/bulla/api/v1alpha1"
)

// ErrSignature means that a fleet's signature is not the root key's, or is
// over other keys and recipients than the fleet has.
var ErrSignature = errors.New("fleet signature does not verify")

// SignFleet signs what [v1alpha1.FleetSpec.SignedText] has and
// sets spec.Signature to the signed note. Signer has a P-256 key.
func SignFleet(spec *v1alpha1.FleetSpec, name string, signer crypto.Signer) error {
	root, err := NewSigner(name, signer)
	if err != nil {
		return fmt.Errorf("sign fleet: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: string(spec.SignedText())}, root)
	if err != nil {
		return fmt.Errorf("sign fleet: %w", err)
	}
	spec.Signature = string(signed)
	return nil
}

// VerifyFleet checks spec.Signature under the pinned root key. A signature
// that is missing, foreign or over other keys is [ErrSignature].
func VerifyFleet(spec *v1alpha1.FleetSpec, verifierKey string) error {
	key, err := NewVerifier(verifierKey)
	if err != nil {
		return fmt.Errorf("read root verifier key: %w", err)
	}
	opened, err := note.Open([]byte(spec.Signature), note.VerifierList(key))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if !bytes.Equal([]byte(opened.Text), spec.SignedText()) {
		return fmt.Errorf("%w: it covers other keys or recipients than the fleet has", ErrSignature)
	}
	return nil
}
