package hsm

import (
	"context"
	"fmt"
	"slices"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// Open opens an HPKE ciphertext (encapsulated key ‖ AEAD ciphertext; RFC 9180
// base mode, empty aad) with the pinned key keyID. It is one operation in the
// token. A ciphertext that is malformed costs the token nothing.
//
// Errors: [sealing.ErrOpen] for every fault of info or ciphertext, ErrNoKey,
// *[UnavailableError] for the token's troubles, or the context's error.
func (w *Worker) Open(ctx context.Context, keyID string, info, ciphertext []byte) ([]byte, error) {
	r, err := w.do(ctx, wire.Request{Op: wire.OpOpen, Key: keyID, Info: info, Data: ciphertext})
	if err != nil {
		return nil, err
	}
	return r.Data, nil
}

// PublicKey reads the public half of a sealing key from the token, whether it
// is pinned or not.
func (w *Worker) PublicKey(ctx context.Context, keyID string, suite api.Suite) (sealing.PublicKey, error) {
	r, err := w.do(ctx, wire.Request{Op: wire.OpPublic, Key: keyID, Suite: suite})
	if err != nil {
		return sealing.PublicKey{}, fmt.Errorf("read public key %q: %w", keyID, err)
	}
	return sealing.NewPublicKey(suite, r.Data, r.Extra)
}

// Pin replaces the set of pinned keys by those of a newer fleet.yaml. When the
// token does not hold one of them (ErrNoKey, ErrWrongKey, ErrAttributes) the
// former set stays.
func (w *Worker) Pin(ctx context.Context, keys []api.SealingKey) error {
	w.pinMu.Lock()
	defer w.pinMu.Unlock()
	// Stored first: a process started meanwhile must have the new set.
	former := w.setPins(slices.Clone(keys))
	if _, err := w.doWithin(ctx, wire.Request{Op: wire.OpPin, Pins: keys}, startFactor*w.cfg.Deadline); err != nil {
		w.setPins(former)
		return fmt.Errorf("pin sealing keys: %w", err)
	}
	return nil
}

func (w *Worker) setPins(keys []api.SealingKey) (former []api.SealingKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	former, w.pins = w.pins, keys
	return former
}

// Ready derives and reads a shared secret with every pinned key: some tokens
// make the secret and do not give it. Errors are those of Open.
func (w *Worker) Ready(ctx context.Context) error {
	_, err := w.do(ctx, wire.Request{Op: wire.OpReady})
	return err
}
