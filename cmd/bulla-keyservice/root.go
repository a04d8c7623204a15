package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/sealing"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// currentRoot finds the root key of a verifier key in the token, and its role.
func currentRoot(ctx context.Context, worker *hsm.Worker, verifierKey, fleet string) (role string, root crypto.Signer, err error) {
	for role = hsm.RoleRoot; hsm.IsRole(role); role = hsm.NextRole(role) {
		root, err = worker.Signer(ctx, hsm.SignerLabel(fleet, role))
		if errors.Is(err, hsm.ErrNoKey) {
			break
		}
		if err != nil {
			return "", nil, err
		}
		if public, ok := root.Public().(*ecdsa.PublicKey); ok && sealing.VerifierKey(keyName(verifierKey), public) == verifierKey {
			return role, root, nil
		}
	}
	return "", nil, fmt.Errorf("find root key: the token does not hold the one that signed fleet.yaml, %s", verifierKey)
}
