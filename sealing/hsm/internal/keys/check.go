//go:build cgo

package keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// checkLabel begins the labels of the throwaway keys.
const checkLabel = "check"

// check tries what the worker and the ceremony use, each part with the code that
// they use, and in a session of the kind that they have: keys are made and
// destroyed in a read-write session, and used in a read-only one. There are tokens
// that derive in one and not in the other.
func (t *Keeper) check(req *wire.Request) (*wire.Response, error) {
	r := &wire.Response{}
	_, err := t.generate(func(c *ceremony) (*wire.Response, error) {
		// Short, so that no label is longer than a ceremony's: tokens bound them.
		k := checker{ceremony: c, label: wire.SignerLabel(t.Fleet, checkLabel) + "/" + rand.Text()[:8]}
		for _, step := range []struct {
			wire.Check
			run func() error
		}{
			{wire.Check{What: "random numbers", Mechanism: "C_GenerateRandom", Hint: "for ids"}, k.inUse(randomness)},
			{wire.Check{What: fmt.Sprintf("%d sessions at a time", req.Size), Mechanism: "C_OpenSession",
				Hint: "lower token.sessions, or end what else uses the token"}, func() error { return k.sessions(req.Size) }},
			{wire.Check{What: "P-256 key pair that derives, and cannot leave", Mechanism: "CKM_EC_KEY_PAIR_GEN",
				Hint: "for sealing keys"}, k.derivePair},
			{wire.Check{What: "shared secret, readable", Mechanism: "CKM_ECDH1_DERIVE",
				Hint: "for opening locks; a mode that hides derived secrets must be off"}, k.inUse(derives)},
			{wire.Check{What: "P-256 key pair that signs, and cannot leave", Mechanism: "CKM_EC_KEY_PAIR_GEN",
				Hint: "for root, authority and audit log"}, k.signPair},
			{wire.Check{What: "signature that verifies", Mechanism: "CKM_ECDSA", Hint: "for root, authority and audit log"},
				k.inUse(signature)},
			{wire.Check{What: "secret key that cannot leave", Mechanism: "CKM_GENERIC_SECRET_KEY_GEN",
				Hint: "for suite MLKEM768-P256 only; without it: init --suite P256"}, k.secretKey},
			{wire.Check{What: "HMAC-SHA256, the same each time", Mechanism: "CKM_SHA256_HMAC",
				Hint: "for suite MLKEM768-P256 only; without it: init --suite P256"}, k.inUse(mac)},
			{wire.Check{What: "keys can be destroyed", Mechanism: "C_DestroyObject",
				Hint: "remove the objects whose labels begin with " + k.label}, c.undo},
		} {
			if err := step.run(); err != nil {
				step.Problem = err.Error()
			} else {
				step.Hint = ""
			}
			r.Checks = append(r.Checks, step.Check)
		}
		return nil, nil
	})
	return r, err
}

type checker struct {
	*ceremony
	label string
}

// inUse runs a probe where the service would: in one of the worker's sessions.
func (k *checker) inUse(probe func(s *session, label string) error) func() error {
	return func() error {
		return k.keeper.do(func(s *session) error { return probe(s, k.label) })
	}
}

func randomness(s *session, _ string) error {
	a, err := s.keeper.Module.GenerateRandom(s.Handle, 32)
	if err != nil {
		return err
	}
	b, err := s.keeper.Module.GenerateRandom(s.Handle, 32)
	if err != nil {
		return err
	}
	if len(a) != 32 || bytes.Equal(a, b) {
		return errors.New("it gives the same bytes twice")
	}
	return nil
}

// sessions opens what a worker would, beside those that are open.
func (k *checker) sessions(n int) (err error) {
	m := k.keeper.Module
	for i := range n {
		handle, openErr := m.OpenSession(k.keeper.Slot, pkcs11.CKF_SERIAL_SESSION)
		if openErr != nil {
			return fmt.Errorf("session %d: %w", i+1, openErr)
		}
		defer func() { err = errors.Join(err, m.CloseSession(handle)) }()
	}
	return nil
}

func (k *checker) derivePair() error { return k.keyPair(k.label+"/derive", derivePrivate) }

func derives(s *session, label string) error {
	private, err := s.Find(pkcs11.CKO_PRIVATE_KEY, label+"/derive")
	if err != nil {
		return err
	}
	public, err := s.publicPoint(label + "/derive")
	if err != nil {
		return err
	}
	probe, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	want, err := probe.ECDH(public)
	if err != nil {
		return err
	}
	got, err := s.ECDH(private, probe.PublicKey().Bytes())
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("it is not the secret that both sides must have")
	}
	return nil
}

func (k *checker) signPair() error { return k.keyPair(k.label+"/sign", signPrivate) }

func signature(s *session, label string) error {
	private, err := s.Find(pkcs11.CKO_PRIVATE_KEY, label+"/sign")
	if err != nil {
		return err
	}
	point, err := s.publicPoint(label + "/sign")
	if err != nil {
		return err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point.Bytes())
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(rand.Text()))
	signed, err := s.Sign(pkcs11.CKM_ECDSA, private, digest[:])
	if err != nil {
		return err
	}
	half := len(signed) / 2
	if !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signed[:half]), new(big.Int).SetBytes(signed[half:])) {
		return errors.New("it does not verify")
	}
	return nil
}

func (k *checker) secretKey() error { return k.secret(k.label + "/mac") }

func mac(s *session, label string) error {
	key, err := s.Find(pkcs11.CKO_SECRET_KEY, label+"/mac")
	if err != nil {
		return err
	}
	a, err := s.Sign(pkcs11.CKM_SHA256_HMAC, key, []byte(label))
	if err != nil {
		return err
	}
	b, err := s.Sign(pkcs11.CKM_SHA256_HMAC, key, []byte(label))
	if err != nil {
		return err
	}
	if len(a) != sha256.Size || !bytes.Equal(a, b) {
		return fmt.Errorf("it gives %d bytes, and not the same twice", len(a))
	}
	return nil
}
