//go:build cgo

package keys

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// sealingKey is a pinned key, ready for use.
type sealingKey struct {
	record api.SealingKey
	label  string
	public *ecdh.PublicKey
	// seed holds the ML-KEM half under the hybrid suite, else nil.
	seed *mlkem.DecapsulationKey768
	// proven is the handle of the private key that was seen to belong to public;
	// 0 (CK_INVALID_HANDLE) before the self-test.
	proven atomic.Uint64
}

// exchanger is one use of a key: crypto/hpke's door to the token. It keeps the
// token's error apart, so that a sick token never passes for a bad ciphertext.
type exchanger struct {
	token *Keeper
	key   *sealingKey
	err   error
}

// Exchanger gives the sealing key under a label as crypto/hpke sees it. public is
// its point.
func (t *Keeper) Exchanger(label string, public *ecdh.PublicKey) ecdh.KeyExchanger {
	return &exchanger{token: t, key: &sealingKey{label: label, public: public}}
}

var _ ecdh.KeyExchanger = (*exchanger)(nil)

func (x *exchanger) PublicKey() *ecdh.PublicKey { return x.key.public }
func (x *exchanger) Curve() ecdh.Curve          { return ecdh.P256() }

// ECDH runs in the token. crypto/hpke calls it only with a point that crypto/ecdh
// found to be on the curve.
func (x *exchanger) ECDH(peer *ecdh.PublicKey) (secret []byte, err error) {
	point := peer.Bytes()
	x.err = x.token.do(func(s *session) error {
		private, err := s.FindAgain(pkcs11.CKO_PRIVATE_KEY, x.key.label)
		if err != nil {
			return err
		}
		if err := s.prove(x.key, private); err != nil {
			return err
		}
		secret, err = s.ECDH(private, point)
		return err
	})
	return secret, x.err
}

// prove shows that a private key that was looked up again is still the other
// half of the public one. Somebody may have put another key under the label
// since: with it every good ciphertext would pass for a bad one, and the stubs
// would be blamed. The first key is shown by the self-test that follows loading.
func (s *session) prove(k *sealingKey, private pkcs11.ObjectHandle) error {
	if s.Proven[private] {
		return nil
	}
	if k.proven.CompareAndSwap(0, uint64(private)) || k.proven.Load() == uint64(private) {
		s.Proven[private] = true
		return nil
	}
	probe, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("test key %q: %w", k.record.ID, err)
	}
	want, err := probe.ECDH(k.public)
	if err != nil {
		return fmt.Errorf("test key %q: %w", k.record.ID, err)
	}
	got, err := s.ECDH(private, probe.PublicKey().Bytes())
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(got, want) != 1 {
		return wire.Faulty(wire.FaultLost, "test key %q: another key is under its label now", k.record.ID)
	}
	k.proven.Store(uint64(private))
	s.Proven[private] = true
	return nil
}

// hpkeKey returns the private key for one use, and the exchanger that will have
// the token's error.
func (k *sealingKey) hpkeKey(t *Keeper) (hpke.PrivateKey, *exchanger, error) {
	x := &exchanger{token: t, key: k}
	if k.seed != nil {
		private, err := hpke.NewHybridPrivateKey(k.seed, x)
		return private, x, err
	}
	private, err := hpke.NewDHKEMPrivateKey(x)
	return private, x, err
}

// open opens an HPKE ciphertext. Everything but the ECDH runs in the caller's
// goroutine, beside the session.
func (k *sealingKey) open(t *Keeper, info, ciphertext []byte) ([]byte, error) {
	private, x, err := k.hpkeKey(t)
	if err != nil {
		return nil, err
	}
	plain, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), info, ciphertext)
	if x.err != nil {
		return nil, x.err
	}
	if err != nil {
		return nil, wire.Faulty(wire.FaultOpen, "open ciphertext")
	}
	return plain, nil
}

// selfTest seals to the public key and opens with the token: it shows that the
// token gives the shared secret and that the private key belongs to the public.
func (k *sealingKey) selfTest(t *Keeper) error {
	private, _, err := k.hpkeKey(t)
	if err != nil {
		return err
	}
	info, want := []byte("bulla.dev/self-test"), []byte(rand.Text())
	sealed, err := hpke.Seal(private.PublicKey(), hpke.HKDFSHA256(), hpke.AES256GCM(), info, want)
	if err != nil {
		return fmt.Errorf("seal for the self-test: %w", err)
	}
	got, err := k.open(t, info, sealed)
	var e *wire.Error
	if (errors.As(err, &e) && e.Fault == wire.FaultOpen) || (err == nil && !bytes.Equal(got, want)) {
		return wire.Faulty(wire.FaultWrongKey, "test key %q: its private key does not belong to its public key", k.record.ID)
	}
	if err != nil {
		return fmt.Errorf("test key %q: %w", k.record.ID, err)
	}
	return nil
}

// load finds a sealing key in the token, checks what it may do, derives its
// ML-KEM half, compares it with the pin if the record has one, and tests it.
func (t *Keeper) load(record api.SealingKey) (*sealingKey, error) {
	k := &sealingKey{record: record, label: wire.SealingLabel(t.Fleet, record.ID)}
	hybrid := record.Suite == api.SuiteHybrid
	err := t.do(func(s *session) error {
		if err := s.checkKept(pkcs11.CKO_PRIVATE_KEY, k.label, derivePrivate); err != nil {
			return err
		}
		var err error
		if k.public, err = s.publicPoint(k.label); err != nil || !hybrid {
			return err
		}
		if err := s.checkKept(pkcs11.CKO_SECRET_KEY, k.label, seedSecret); err != nil {
			return err
		}
		k.seed, err = s.mlkemSeed(t.Fleet, record.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load sealing key %q: %w", record.ID, err)
	}
	if record.PublicKey != "" {
		if err := k.checkPin(t); err != nil {
			return nil, err
		}
	}
	return k, k.selfTest(t)
}

// checkPin refuses a token that was initialised again, or in which somebody put
// another key under the same label.
func (k *sealingKey) checkPin(t *Keeper) error {
	pinned, err := sealing.ParsePublicKey(k.record.Suite, k.record.PublicKey)
	if err != nil {
		return wire.Faulty(wire.FaultSetup, "read the pinned public key of %q: %v", k.record.ID, err)
	}
	private, _, err := k.hpkeKey(t)
	if err != nil {
		return err
	}
	if !bytes.Equal(pinned.HPKE().Bytes(), private.PublicKey().Bytes()) {
		return wire.Faulty(wire.FaultWrongKey, "compare sealing key %q with its pin: %v", k.record.ID, wire.ErrWrongKey)
	}
	return nil
}

// publicPoint reads the point of a public key object, always of P-256.
func (s *session) publicPoint(label string) (*ecdh.PublicKey, error) {
	object, err := s.Find(pkcs11.CKO_PUBLIC_KEY, label)
	if err != nil {
		return nil, err
	}
	values, err := s.Read(object, pkcs11.CKA_EC_PARAMS, pkcs11.CKA_EC_POINT)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(values[0], p256Params) {
		return nil, wire.Faulty(wire.FaultWrongKey, "read public key %q: its curve is not P-256", label)
	}
	public, err := ecdh.P256().NewPublicKey(barePoint(values[1]))
	if err != nil {
		return nil, wire.Faulty(wire.FaultWrongKey, "read public key %q: its point is not on P-256", label)
	}
	return public, nil
}

// barePoint is a P-256 point out of CKA_EC_POINT, a DER OCTET STRING (PKCS#11
// 2.40, 2.3.3); some tokens give the point itself.
func barePoint(value []byte) []byte {
	if len(value) == 67 && value[0] == 0x04 && value[1] == 65 {
		return value[2:]
	}
	return value
}

// mlkemSeed computes the 64-byte seed d ‖ z (FIPS 203, 7.1) as two HMAC-SHA256
// outputs, so that a backup of the token is a backup of the whole key.
func (s *session) mlkemSeed(fleet, keyID string) (*mlkem.DecapsulationKey768, error) {
	key, err := s.Find(pkcs11.CKO_SECRET_KEY, wire.SealingLabel(fleet, keyID))
	if err != nil {
		return nil, err
	}
	seed := make([]byte, 0, mlkem.SeedSize)
	defer clear(seed[:cap(seed)])
	for _, half := range []string{"d", "z"} {
		out, err := s.Sign(pkcs11.CKM_SHA256_HMAC, key,
			fmt.Appendf(nil, "bulla.dev/v1/mlkem768-seed/%s/%s/%s", half, fleet, keyID))
		if err != nil {
			return nil, err
		}
		if len(out) != mlkem.SeedSize/2 {
			return nil, wire.Faulty(wire.FaultBusy, "derive ML-KEM seed: the token gave %d bytes", len(out))
		}
		seed = append(seed, out...)
		clear(out)
	}
	return mlkem.NewDecapsulationKey768(seed)
}
