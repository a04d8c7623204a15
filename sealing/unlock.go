package sealing

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Opener opens HPKE ciphertexts with private keys that it does not show.
type Opener interface {
	// Open opens an encapsulated key and ciphertext, concatenated (RFC 9180,
	// base mode, HKDF-SHA256, AES-256-GCM, no aad), under the key version
	// keyID. It returns an error that is [ErrOpen] when the bytes are at fault,
	// and any other error when the token is: the first is final, the second is
	// worth a retry. It is safe for concurrent use.
	Open(ctx context.Context, keyID string, info, ciphertext []byte) ([]byte, error)
}

// Prepared is a lock that passed every check that needs no token, so that a
// whole batch can be checked before the token is asked for the first of it.
type Prepared struct {
	target           Target
	key              string
	info, ciphertext []byte
}

// Prepare is the first half of what the key service does to open a block: every check
// that needs no token. Errors are *[Error], the cryptographic ones [ErrOpen].
//
// The context is that of the built object; suite is the one of the key record
// that lock.Key names. Whether this cluster may use this lock is decided
// before.
func Prepare(c Context, payload *Payload, lock api.Lock, suite api.Suite) (*Prepared, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	ciphertext, err := decodeLock(suite, lock)
	if err != nil {
		return nil, err
	}
	if payload.ContextDigest() != c.Digest() {
		return nil, errBinding
	}
	target, err := ParseTarget(lock.Target)
	if err != nil {
		return nil, err
	}
	return &Prepared{target: target, key: lock.Key, info: lockInfo(c, target, payload.Hash()), ciphertext: ciphertext}, nil
}

// Unlock is the second half: it opens the lock in the token, once, and returns the file
// key as a stanza that only the cluster with recipient can open. It never sees the
// payload's plaintext, and does not use the file key for anything but wrapping. An
// error that is not [ErrOpen] is trouble of the token.
func (p *Prepared) Unlock(ctx context.Context, o Opener, recipient string) (Stanza, error) {
	cluster, err := parseClusterRecipient(recipient)
	if err != nil {
		return Stanza{}, err
	}
	inner, err := o.Open(ctx, p.key, p.info, p.ciphertext)
	defer clear(inner)
	if errors.Is(err, ErrOpen) {
		return Stanza{}, errMAC
	}
	if err != nil {
		return Stanza{}, fmt.Errorf("open lock of key %q: %w", p.key, err)
	}
	return answer(p.target, inner, cluster)
}

// answer makes the stanza for the asking cluster from the inner secret.
func answer(target Target, inner []byte, cluster *age.HybridRecipient) (Stanza, error) {
	if target.Kind == Cluster {
		// Wrapped by the sealer already; a stanza for another cluster is of
		// no use to this one.
		return parseStanza(inner)
	}
	if len(inner) != fileKeySize {
		return Stanza{}, refuse(ClassLength, "lock holds %d bytes, not a file key", len(inner))
	}
	return wrapFor(cluster, inner)
}
