//go:build cgo

package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/token"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// idSize is the size of CKA_ID, in bytes.
const idSize = 16

// ceremony generates a fleet's keys, but for the root key.
func (t *Keeper) ceremony(req *wire.Request) (*wire.Response, error) {
	return t.generate(func(c *ceremony) (*wire.Response, error) { return c.hold(req.Key, req.Suite) })
}

// makeSigner generates one more signing key beside those of the ceremony.
func (t *Keeper) makeSigner(req *wire.Request) (*wire.Response, error) {
	label, err := t.signingLabel(req.Key)
	if err != nil {
		return nil, err
	}
	return t.generate(func(c *ceremony) (*wire.Response, error) {
		if err := c.checkFree(label); err != nil {
			return nil, err
		}
		if err := c.keyPair(label, signPrivate); err != nil {
			return nil, err
		}
		public, err := t.trySigner(req.Key)
		return &wire.Response{Data: public}, err
	})
}

// addSealing generates one more sealing key beside that of the ceremony.
func (t *Keeper) addSealing(req *wire.Request) (*wire.Response, error) {
	return t.generate(func(c *ceremony) (*wire.Response, error) {
		if err := c.checkFree(wire.SealingLabel(t.Fleet, req.Key)); err != nil {
			return nil, err
		}
		k, err := c.sealingKey(req.Key, req.Suite)
		if err != nil {
			return nil, err
		}
		return k.response(), nil
	})
}

// generate makes keys, or none when make fails.
func (t *Keeper) generate(make func(*ceremony) (*wire.Response, error)) (r *wire.Response, err error) {
	err = t.Writable(func(s *token.Session) error {
		c := &ceremony{session: &session{s, t}}
		if r, err = make(c); err != nil {
			return token.Error("make keys", errors.Join(err, c.undo()))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

type ceremony struct {
	*session
	made []pkcs11.ObjectHandle
}

func (c *ceremony) hold(keyID string, suite api.Suite) (*wire.Response, error) {
	t := c.keeper
	if err := c.checkAllFree(keyID); err != nil {
		return nil, err
	}
	for _, role := range wire.ServiceRoles {
		if err := c.keyPair(wire.SignerLabel(t.Fleet, role), signPrivate); err != nil {
			return nil, err
		}
	}
	k, err := c.sealingKey(keyID, suite)
	if err != nil {
		return nil, err
	}
	r := k.response()
	r.Made = map[string][]byte{}
	for _, role := range wire.ServiceRoles {
		if r.Made[role], err = t.trySigner(role); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// sealingKey generates both halves under one label, and loads and tests them as
// a worker that serves would.
func (c *ceremony) sealingKey(keyID string, suite api.Suite) (*sealingKey, error) {
	label := wire.SealingLabel(c.keeper.Fleet, keyID)
	if err := c.keyPair(label, derivePrivate); err != nil {
		return nil, err
	}
	if suite == api.SuiteHybrid {
		if err := c.secret(label); err != nil {
			return nil, err
		}
	}
	return c.keeper.load(api.SealingKey{ID: keyID, Suite: suite})
}

// checkAllFree refuses a token that has one of the keys already which a ceremony
// makes in the service's token.
func (s *session) checkAllFree(keyID string) error {
	labels := []string{wire.SealingLabel(s.keeper.Fleet, keyID)}
	for _, role := range wire.ServiceRoles {
		labels = append(labels, wire.SignerLabel(s.keeper.Fleet, role))
	}
	for _, label := range labels {
		if err := s.checkFree(label); err != nil {
			return err
		}
	}
	return nil
}

// checkFree refuses a label that any object has: a second key under it would
// make every later look-up ambiguous, or be used in place of the first.
func (s *session) checkFree(label string) error {
	found, err := s.Objects([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}, 1)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return wire.Faulty(wire.FaultTaken, "make key %q: %v", label, wire.ErrLabelTaken)
	}
	return nil
}

func (c *ceremony) keyPair(label string, uses []attribute) error {
	m := c.keeper.Module
	id, err := m.GenerateRandom(c.Handle, idSize)
	if err != nil {
		return err
	}
	verify := slices.ContainsFunc(uses, func(a attribute) bool { return a.typ == pkcs11.CKA_SIGN && a.want })
	public, private, err := m.GenerateKeyPair(c.Handle,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		publicTemplate(label, id, verify), privateTemplate(label, id, uses))
	if err != nil {
		return err
	}
	c.made = append(c.made, public, private)
	return c.checkMade(private, label, uses)
}

func (c *ceremony) secret(label string) error {
	m := c.keeper.Module
	id, err := m.GenerateRandom(c.Handle, idSize)
	if err != nil {
		return err
	}
	var first error
	for _, form := range secretForms {
		key, err := m.GenerateKey(c.Handle,
			[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, secretTemplate(label, id, form))
		if err == nil {
			c.made = append(c.made, key)
			return c.checkMade(key, label, seedSecret)
		}
		if first == nil {
			first = err
		}
		if !isOfTemplate(err) {
			break
		}
	}
	return first // of the usual form
}

// undo destroys what this ceremony made, by handle: nothing has used it yet, and
// by label it might be somebody else's.
func (c *ceremony) undo() error {
	var errs []error
	for _, object := range c.made {
		errs = append(errs, c.keeper.Module.DestroyObject(c.Handle, object))
	}
	return errors.Join(errs...)
}

// trySigner returns the public point of a signing key after it signed once.
func (t *Keeper) trySigner(role string) ([]byte, error) {
	key, err := t.signer(&wire.Request{Key: role})
	if err != nil {
		return nil, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), key.Data)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(rand.Text()))
	signed, err := t.sign(&wire.Request{Key: role, Data: digest[:]})
	if err != nil {
		return nil, err
	}
	half := len(signed.Data) / 2
	r, s := new(big.Int).SetBytes(signed.Data[:half]), new(big.Int).SetBytes(signed.Data[half:])
	if !ecdsa.Verify(public, digest[:], r, s) {
		return nil, wire.Faulty(wire.FaultWrongKey, "test key %q: its signature does not verify", role)
	}
	return key.Data, nil
}

// maxListed bounds a list; a fleet has a handful of keys.
const maxListed = 4096

func (t *Keeper) list() (*wire.Response, error) {
	r := &wire.Response{}
	err := t.do(func(s *session) error {
		r.Keys = nil
		found, err := s.Objects(
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)}, maxListed)
		if err != nil {
			return err
		}
		for _, object := range found {
			values, err := s.Read(object, pkcs11.CKA_LABEL)
			if err != nil {
				return err
			}
			name, ours := strings.CutPrefix(string(values[0]), wire.SignerLabel(t.Fleet, ""))
			if ours {
				r.Keys = append(r.Keys, s.describe(string(values[0]), name))
			}
		}
		return nil
	})
	slices.SortFunc(r.Keys, func(a, b wire.KeyInfo) int { return strings.Compare(a.Label, b.Label) })
	return r, err
}

// describe looks at one key pair. What is wrong with it is part of the answer.
func (s *session) describe(label, name string) wire.KeyInfo {
	info := wire.KeyInfo{Label: label, Use: name}
	uses := signPrivate
	if id, ok := strings.CutPrefix(name, "seal/"); ok {
		info.Use, info.KeyID, info.Suite, uses = "seal", id, api.SuiteP256, derivePrivate
		err := s.checkKept(pkcs11.CKO_SECRET_KEY, label, seedSecret)
		if e := wire.ErrorOf(err); e == nil || e.Fault != wire.FaultKey {
			info.Suite = api.SuiteHybrid
			info.Note(err)
		}
	}
	public, err := s.publicPoint(label)
	if err == nil {
		info.Public = public.Bytes()
	}
	info.Note(err)
	info.Note(s.checkKept(pkcs11.CKO_PRIVATE_KEY, label, uses))
	return info
}
