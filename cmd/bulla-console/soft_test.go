package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/keyservice"
)

// softToken is a token whose private halves a test knows: what it sweeps for is what a token
// in hardware never shows.
type softToken struct {
	*softkey.Opener

	signers map[string]*ecdsa.PrivateKey // by label
}

var _ keyservice.Token = softToken{}

// Signer is for [keyservice.Token].
func (s softToken) Signer(_ context.Context, label string) (crypto.Signer, error) {
	if key, ok := s.signers[label]; ok {
		return key, nil
	}
	return nil, fmt.Errorf("find key %q: no such key", label)
}

// Pin is for [keyservice.Token].
func (softToken) Pin(context.Context, []api.SealingKey) error { return nil }

// Ready is for [keyservice.Token].
func (softToken) Ready(context.Context) error { return nil }

// RootKeys is for [keyservice.Token].
func (softToken) RootKeys(context.Context, ...*ecdsa.PublicKey) ([]string, error) { return nil, nil }

// secrets are the private halves.
func (s softToken) secrets() (all []canary.Canary, err error) {
	for label, key := range s.signers {
		scalar, err := key.Bytes()
		if err != nil {
			return nil, err
		}
		all = append(all, canary.Of("key "+label, string(scalar)))
	}
	return all, nil
}
