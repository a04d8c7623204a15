package keyservice

import (
	"context"
	"crypto"
	"crypto/ecdsa"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// Token is the part of the token worker that the service uses. It is safe for
// concurrent use; [*hsm.Worker] is the one there is.
type Token interface {
	// Opener opens with a pinned key. sealing.ErrOpen blames the ciphertext;
	// any other error blames the token.
	sealing.Opener
	// Signer returns the signing key with this label.
	Signer(ctx context.Context, label string) (crypto.Signer, error)
	// Pin sets the sealing keys that may be used, replacing those before.
	Pin(ctx context.Context, keys []api.SealingKey) error
	// Ready runs the self-test.
	Ready(ctx context.Context) error
	// RootKeys lists the root keys whose private half the login shows: those of
	// known under any label, and what is labelled as one.
	RootKeys(ctx context.Context, known ...*ecdsa.PublicKey) ([]string, error)
}

// ailing is a Token that knows, without asking the token, that it cannot answer.
type ailing interface {
	// Sick says why, or nil.
	Sick() error
}

// sick asks a token that knows of itself.
func sick(t Token) bool {
	a, ok := t.(ailing)
	return ok && a.Sick() != nil
}
