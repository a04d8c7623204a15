package sealing

import (
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Relock makes new locks for a block under the sealer's key, without the HSM
// that holds the keys of the old ones: it takes the file key out of the
// payload with identities of recovery recipients. The payload stays as it is,
// byte for byte, so what the clusters know of the secret stays true.
//
// The context is that of the built object. A payload of another object is
// [ErrOpen], before any identity sees it: a lock for it would carry a value to
// where nobody reviewed it. The payload is opened whole, and must hold exactly
// its fields. When no identity fits the error is an *[age.NoIdentityMatchError].
//
// Who the targets are is the caller's word. Old locks cannot be checked, as
// only the lost HSM could open them, and are not looked at.
func (s *Sealer) Relock(c Context, block *api.Block, targets []LockTarget, ids ...age.Identity) ([]api.Lock, error) {
	public, _, err := s.recipients()
	if err != nil {
		return nil, err
	}
	payload, err := ParsePayload(block.Payload)
	if err != nil {
		return nil, fmt.Errorf("re-lock block: %w", err)
	}
	if err := s.checkTargets(targets); err != nil {
		return nil, fmt.Errorf("re-lock block: %w", err)
	}
	fileKey, err := payload.recoverFileKey(c, ids)
	if err != nil {
		return nil, fmt.Errorf("re-lock block: %w", err)
	}
	defer clear(fileKey)
	var locks []api.Lock
	for _, target := range targets {
		lock, err := sealLock(s.Key, public, lockInfo(c, target.Target, payload.Hash()), fileKey, target)
		if err != nil {
			return nil, err
		}
		locks = append(locks, lock)
	}
	return locks, nil
}

// recoverFileKey opens the payload as OpenWith does, under the same checks, and
// returns the file key that fitted. The caller clears it.
func (p *Payload) recoverFileKey(c Context, ids []age.Identity) ([]byte, error) {
	var seen keptKeys
	defer seen.clear()
	kept := make([]age.Identity, len(ids))
	for i, id := range ids {
		kept[i] = keepingIdentity{identity: id, seen: &seen}
	}
	if _, err := p.open(c, kept...); err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, errors.New("recover file key: no age identity gave one")
	}
	// age stops at the first key that an identity gives it.
	return slices.Clone(seen[len(seen)-1]), nil
}

type keptKeys [][]byte

func (k *keptKeys) clear() {
	for _, key := range *k {
		clear(key)
	}
}

// keepingIdentity keeps a copy of the file key that its identity unwraps.
type keepingIdentity struct {
	identity age.Identity
	seen     *keptKeys
}

func (k keepingIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	fileKey, err := k.identity.Unwrap(stanzas)
	if err == nil {
		*k.seen = append(*k.seen, slices.Clone(fileKey))
	}
	return fileKey, err
}
