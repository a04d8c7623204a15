package sealing

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// ErrSignature means that a fleet's signature is not the root key's, or is
// over other keys and recipients than the fleet has.
var ErrSignature = errors.New("fleet signature does not verify")

// SignFleet signs what [api.FleetSpec.SignedText] has and
// sets spec.Signature to the signed note. Signer has a P-256 key.
func SignFleet(spec *api.FleetSpec, name string, signer crypto.Signer) error {
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

// VerifyFleet checks spec.Signature under the pinned root key, or under the key
// that spec.RootSuccession leads to from it. A signature that is missing,
// foreign or over another text is [ErrSignature], and so is a succession that
// does not lead from the pinned key. It does not see that a file is old: that is
// [Known.Accept].
func VerifyFleet(spec *api.FleetSpec, verifierKey string) error {
	_, err := verifiedLine(spec, verifierKey)
	return err
}

// verifiedLine returns the root keys, oldest first, of a fleet that verifies
// under the pinned one; the last is the one that signed.
func verifiedLine(spec *api.FleetSpec, pinned string) ([]string, error) {
	if _, err := parseVerifierKey(pinned); err != nil {
		return nil, fmt.Errorf("read root verifier key: %w", err)
	}
	line, err := rootLine(spec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if line == nil {
		line = []string{pinned}
	}
	if !slices.Contains(line, pinned) {
		return nil, fmt.Errorf("%w: the root succession does not lead from the pinned key", ErrSignature)
	}
	key, err := parseVerifierKey(line[len(line)-1])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	opened, err := note.Open([]byte(spec.Signature), note.VerifierList(key))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if !bytes.Equal([]byte(opened.Text), spec.SignedText()) {
		return nil, fmt.Errorf("%w: it covers something else than the fleet has", ErrSignature)
	}
	return line, nil
}
