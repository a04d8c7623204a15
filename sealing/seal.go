package sealing

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// Sealer seals values with public keys only.
type Sealer struct {
	// Key is the fleet's Active sealing key.
	Key api.SealingKey
	// Recovery are the fleet's recovery recipients.
	Recovery []string
}

// NewSealer returns a sealer. Both arguments come from a fleet whose signature
// was verified ([VerifyFleet]): whoever chooses them reads every value. Under
// the hybrid suite the recovery recipients must be post-quantum too, or they
// would be the weakest way in.
func NewSealer(key api.SealingKey, recovery []string) (*Sealer, error) {
	s := &Sealer{Key: key, Recovery: slices.Clone(recovery)}
	if _, _, err := s.recipients(); err != nil {
		return nil, err
	}
	return s, nil
}

// recipients parses the sealer's keys.
func (s *Sealer) recipients() (PublicKey, []age.Recipient, error) {
	if s.Key.Status != api.KeyActive {
		return PublicKey{}, nil, fmt.Errorf("seal with key %q: it is %s, not %s", s.Key.ID, s.Key.Status, api.KeyActive)
	}
	public, err := ParsePublicKey(s.Key.Suite, s.Key.PublicKey)
	if err != nil {
		return PublicKey{}, nil, fmt.Errorf("seal with key %q: %w", s.Key.ID, err)
	}
	var recovery []age.Recipient
	for i, text := range s.Recovery {
		recipient, err := parseRecovery(s.Key.Suite, text)
		if err != nil {
			return PublicKey{}, nil, fmt.Errorf("read recovery recipient %d: %w", i+1, err)
		}
		recovery = append(recovery, recipient)
	}
	return public, recovery, nil
}

// Seal seals values, from pointer to base64 text as in a Secret, into one
// block under a fresh file key, with one lock for each target. The pointers
// must be exactly c.Fields. A cluster target is refused without a recovery
// recipient: a rebuilt cluster has a new age identity, and the value would be gone.
func (s *Sealer) Seal(c Context, values map[string]string, targets []LockTarget) (api.Block, error) {
	public, recovery, err := s.recipients()
	if err != nil {
		return api.Block{}, err
	}
	if err := errors.Join(c.check(), checkValues(c.Fields, values), s.checkTargets(targets)); err != nil {
		return api.Block{}, fmt.Errorf("seal block: %w", err)
	}
	lock := &lockRecipient{context: c.Digest(), postQuantum: s.Key.Suite == api.SuiteHybrid}
	defer lock.clear()
	armored, err := sealPayload(values, append([]age.Recipient{lock}, recovery...))
	if err != nil {
		return api.Block{}, fmt.Errorf("seal block: %w", err)
	}
	payload, err := ParsePayload(armored)
	if err != nil {
		return api.Block{}, fmt.Errorf("read sealed block back: %w", err)
	}
	block := api.Block{Fields: slices.Clone(c.Fields), Payload: armored}
	for _, target := range targets {
		sealed, err := sealLock(s.Key, public, lockInfo(c, target.Target, payload.Hash()), lock.fileKey, target)
		if err != nil {
			return api.Block{}, err
		}
		block.Locks = append(block.Locks, sealed)
	}
	return block, nil
}

func (s *Sealer) checkTargets(targets []LockTarget) error {
	if len(targets) == 0 {
		return errors.New("no targets: nobody could open it")
	}
	seen := map[Target]bool{}
	for _, target := range targets {
		if _, err := ParseTarget(target.String()); err != nil {
			return err
		}
		if seen[target.Target] {
			return fmt.Errorf("target %s stands twice", target)
		}
		seen[target.Target] = true
		switch {
		case target.Kind == Set && target.Recipient != "":
			return fmt.Errorf("target %s has a recipient, but a set has none", target)
		case target.Kind == Cluster && len(s.Recovery) == 0:
			return fmt.Errorf("target %s needs a recovery recipient in the fleet: a rebuilt cluster has a new age identity, "+
				"and could never open it again", target)
		}
	}
	return nil
}

func sealPayload(values map[string]string, recipients []age.Recipient) (string, error) {
	plaintext, err := encodeValues(values)
	if err != nil {
		return "", err
	}
	defer clear(plaintext)
	var file bytes.Buffer
	writer, err := age.Encrypt(&file, recipients...)
	if err != nil {
		return "", fmt.Errorf("encrypt payload: %w", err)
	}
	if _, err := writer.Write(plaintext); err != nil {
		return "", fmt.Errorf("encrypt payload: %w", err)
	}
	if err := writer.Close(); err != nil {
		return "", fmt.Errorf("encrypt payload: %w", err)
	}
	return encodeArmor(file.Bytes())
}
