package sealing

import (
	"context"
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Rewrap moves a lock to another sealing key: it opens the lock in the token and
// seals the inner secret, as it is, to the fleet's Active key. Context, target
// and payload are those that the old lock was bound to and go into the new one
// as the same bytes: there is no argument that could change them. What a
// cluster/NAME lock holds stays wrapped to that cluster's own key.
//
// It is one use of the token. What an honest sealer could not have put in is
// refused, not moved on. Errors are those of [Prepared.Unlock].
func (p *Prepared) Rewrap(ctx context.Context, o Opener, key api.SealingKey) (api.Lock, error) {
	public, err := rewrapKey(p.key, key)
	if err != nil {
		return api.Lock{}, err
	}
	inner, err := o.Open(ctx, p.key, p.info, p.ciphertext)
	defer clear(inner)
	if errors.Is(err, ErrOpen) {
		return api.Lock{}, errMAC
	}
	if err != nil {
		return api.Lock{}, fmt.Errorf("open lock of key %q: %w", p.key, err)
	}
	if err := checkInner(p.target, inner); err != nil {
		return api.Lock{}, err
	}
	ciphertext, err := hpke.Seal(public.HPKE(), hpke.HKDFSHA256(), hpke.AES256GCM(), p.info, inner)
	if err != nil {
		return api.Lock{}, fmt.Errorf("seal lock for %s: %w", p.target, err)
	}
	return api.Lock{Target: p.target.String(), Key: key.ID, Ciphertext: base64.StdEncoding.EncodeToString(ciphertext)}, nil
}

// rewrapKey refuses any key but an Active one that the lock is not under yet.
func rewrapKey(from string, to api.SealingKey) (PublicKey, error) {
	if to.Status != api.KeyActive {
		return PublicKey{}, fmt.Errorf("rewrap to key %q: it is %s, not %s", to.ID, to.Status, api.KeyActive)
	}
	if to.ID == from {
		return PublicKey{}, fmt.Errorf("rewrap to key %q: the lock is under it", to.ID)
	}
	public, err := ParsePublicKey(to.Suite, to.PublicKey)
	if err != nil {
		return PublicKey{}, fmt.Errorf("rewrap to key %q: %w", to.ID, err)
	}
	return public, nil
}

// checkInner wants what a lock for this kind of target holds: one age stanza,
// or a file key.
func checkInner(target Target, inner []byte) error {
	if target.Kind == Cluster {
		_, err := parseStanza(inner)
		return err
	}
	if len(inner) != fileKeySize {
		return refuse(ClassLength, "lock holds %d bytes, not a file key", len(inner))
	}
	return nil
}
