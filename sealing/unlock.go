package sealing

import (
	"context"
	"errors"
	"fmt"

	"filippo.io/age"

	"github.com/bulla-dev/bulla/api/v1alpha1"
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

// Unlock is the key service's half of opening a block: it opens a lock in the
// token and returns the file key as a stanza that only the cluster with
// recipient can open. It never sees the payload's plaintext, and does not use
// the file key for anything but wrapping.
//
// The context is that of the built object; suite is the one of the key record
// that lock.Key names. Whether this cluster may use this lock is decided
// before. Everything is checked before o is used: errors of the bytes are
// *[Error], the cryptographic ones are [ErrOpen], and any other error is
// trouble of the token.
func Unlock(ctx context.Context, o Opener, c Context, block *v1alpha1.Block, lock v1alpha1.Lock, suite v1alpha1.Suite, recipient string) (Stanza, error) {
	info, ciphertext, err := prepareUnlock(c, block, lock, suite)
	if err != nil {
		return Stanza{}, err
	}
	cluster, err := parseClusterRecipient(recipient)
	if err != nil {
		return Stanza{}, err
	}
	target, err := ParseTarget(lock.Target)
	if err != nil {
		return Stanza{}, err
	}
	inner, err := o.Open(ctx, lock.Key, info, ciphertext)
	defer clear(inner)
	if errors.Is(err, ErrOpen) {
		return Stanza{}, errMAC
	}
	if err != nil {
		return Stanza{}, fmt.Errorf("open lock of key %q: %w", lock.Key, err)
	}
	return answer(target, inner, cluster)
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

// prepareUnlock checks all that can be checked without the token.
func prepareUnlock(c Context, block *v1alpha1.Block, lock v1alpha1.Lock, suite v1alpha1.Suite) (info, ciphertext []byte, err error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	ciphertext, err = decodeLock(suite, lock)
	if err != nil {
		return nil, nil, err
	}
	payload, err := ParsePayload(block.Payload)
	if err != nil {
		return nil, nil, err
	}
	if payload.ContextDigest() != c.Digest() {
		return nil, nil, errBinding
	}
	target, err := ParseTarget(lock.Target)
	if err != nil {
		return nil, nil, err
	}
	return lockInfo(c, target, payload.Hash()), ciphertext, nil
}
