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
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/token"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// roots lists the private keys that are root keys; see [Worker.RootKeys].
func (t *Keeper) roots(req *wire.Request) (*wire.Response, error) {
	r := &wire.Response{}
	err := t.do(func(s *session) error {
		r.Keys = nil
		return s.eachPrivate(func(object pkcs11.ObjectHandle, label string) error {
			point, err := s.belongs(object, label, req.Points)
			if point != nil || wire.RootLabel.MatchString(label) {
				r.Keys = append(r.Keys, wire.KeyInfo{Label: label, Public: point})
			}
			return err
		})
	})
	slices.SortFunc(r.Keys, func(a, b wire.KeyInfo) int { return strings.Compare(a.Label, b.Label) })
	return r, err
}

// forget destroys the keys of these points. The private half goes first: what is
// left of a destruction that failed must not be the half that signs.
func (t *Keeper) forget(req *wire.Request) (*wire.Response, error) {
	return t.generate(func(c *ceremony) (*wire.Response, error) {
		r, doomed := &wire.Response{}, []pkcs11.ObjectHandle(nil)
		err := c.eachPrivate(func(object pkcs11.ObjectHandle, label string) error {
			point, err := c.belongs(object, label, req.Points)
			if point != nil {
				doomed = append(doomed, object)
				r.Keys = append(r.Keys, wire.KeyInfo{Label: label, Public: point})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		publics, err := c.publicsOf(nil)
		if err != nil {
			return nil, err
		}
		for _, p := range publics {
			if containsPoint(req.Points, p.point) {
				doomed = append(doomed, p.object)
			}
		}
		for _, object := range doomed {
			if err := c.keeper.Module.DestroyObject(c.Handle, object); err != nil {
				return nil, err
			}
		}
		return r, nil
	})
}

// eachPrivate visits every private key that the login shows.
func (s *session) eachPrivate(visit func(object pkcs11.ObjectHandle, label string) error) error {
	found, err := s.Objects(
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}, maxListed)
	if err != nil {
		return err
	}
	if len(found) == maxListed {
		return wire.Faulty(wire.FaultSetup, "the token shows %d private keys or more: "+
			"whether a root key is among them cannot be told",
			maxListed)
	}
	for _, object := range found {
		label, _, err := s.readMaybe(object, pkcs11.CKA_LABEL)
		if err == nil {
			err = visit(object, string(label))
		}
		if err != nil {
			return fmt.Errorf("look at private key %q: %w", label, err)
		}
	}
	return nil
}

// belongs gives the one of the points whose private key this is, or nil. Its label
// says nothing, and a public half may be missing or another's: a key that can be
// used is used once, and the answer decides.
func (s *session) belongs(object pkcs11.ObjectHandle, label string, points [][]byte) (point []byte, err error) {
	if len(points) == 0 {
		return nil, nil
	}
	if p256, err := s.mayBeP256(object); !p256 || err != nil {
		return nil, err
	}
	for _, use := range []struct {
		attribute uint
		try       func(pkcs11.ObjectHandle, [][]byte) (point []byte, tried bool, err error)
	}{{pkcs11.CKA_SIGN, s.signsFor}, {pkcs11.CKA_DERIVE, s.derivesFor}} {
		may, err := s.flag(object, use.attribute)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		if point, tried, err := use.try(object, points); tried || err != nil {
			return point, err
		}
	}
	return s.besideItsPublic(object, label, points)
}

// mayBeP256 passes over keys of other kinds, which a token would refuse to use.
func (s *session) mayBeP256(object pkcs11.ObjectHandle) (bool, error) {
	for attribute, want := range map[uint][]byte{
		pkcs11.CKA_KEY_TYPE:  pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC).Value,
		pkcs11.CKA_EC_PARAMS: p256Params,
	} {
		got, known, err := s.readMaybe(object, attribute)
		if err != nil || known && !bytes.Equal(got, want) {
			return false, err
		}
	}
	return true, nil
}

// besideItsPublic is for a key that cannot be used: it compares the point that
// the key itself has, and those of the public keys with its id or label.
func (s *session) besideItsPublic(object pkcs11.ObjectHandle, label string, points [][]byte) ([]byte, error) {
	own, _, err := s.readMaybe(object, pkcs11.CKA_EC_POINT)
	if err != nil || containsPoint(points, barePoint(own)) {
		return barePoint(own), err
	}
	id, _, err := s.readMaybe(object, pkcs11.CKA_ID)
	if err != nil {
		return nil, err
	}
	for _, same := range []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)} {
		if len(same.Value) == 0 {
			continue
		}
		publics, err := s.publicsOf(same)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(publics, func(p publicKey) bool { return containsPoint(points, p.point) }); i >= 0 {
			return publics[i].point, nil
		}
	}
	return nil, nil
}

type publicKey struct {
	object pkcs11.ObjectHandle
	point  []byte
}

// publicsOf gives the public keys that have an attribute, or all, with a point.
func (s *session) publicsOf(same *pkcs11.Attribute) ([]publicKey, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)}
	if same != nil {
		template = append(template, same)
	}
	found, err := s.Objects(template, maxListed)
	if err != nil {
		return nil, err
	}
	var publics []publicKey
	for _, object := range found {
		point, known, err := s.readMaybe(object, pkcs11.CKA_EC_POINT)
		if err != nil {
			return nil, err
		}
		if known {
			publics = append(publics, publicKey{object, barePoint(point)})
		}
	}
	return publics, nil
}

// signsFor has the key sign a random digest, and sees under which point that
// verifies.
func (s *session) signsFor(object pkcs11.ObjectHandle, points [][]byte) (point []byte, tried bool, err error) {
	if each, err := s.flag(object, pkcs11.CKA_ALWAYS_AUTHENTICATE); err != nil || each {
		return nil, false, err // it wants the PIN for each use
	}
	digest := sha256.Sum256([]byte(rand.Text()))
	signed, err := s.Sign(pkcs11.CKM_ECDSA, object, digest[:])
	if err != nil {
		return nil, false, unlessUnfit(err)
	}
	half := len(signed) / 2
	r, v := new(big.Int).SetBytes(signed[:half]), new(big.Int).SetBytes(signed[half:])
	return which(points, func(point []byte) bool {
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		return err == nil && ecdsa.Verify(public, digest[:], r, v)
	}), true, nil
}

// derivesFor has a key agree on a secret: whoever has the PIN may turn a copy of
// the root key that only derives into one that signs.
func (s *session) derivesFor(object pkcs11.ObjectHandle, points [][]byte) (point []byte, tried bool, err error) {
	probe, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, false, err
	}
	got, err := s.ECDH(object, probe.PublicKey().Bytes())
	if err != nil {
		return nil, false, unlessUnfit(err)
	}
	return which(points, func(point []byte) bool {
		public, err := ecdh.P256().NewPublicKey(point)
		if err != nil {
			return false
		}
		want, err := probe.ECDH(public)
		return err == nil && bytes.Equal(got, want)
	}), true, nil
}

// unlessUnfit passes over what says of a key that it cannot be used so: a
// stranger's key must not keep the service from starting.
func unlessUnfit(err error) error {
	if token.IsUnfit(err) {
		return nil
	}
	if e := (*wire.Error)(nil); errors.As(err, &e) && e.Fault == wire.FaultBusy {
		return nil // it derives, and does not give the secret
	}
	return err
}

// readMaybe reads an attribute that not every token has.
func (s *session) readMaybe(object pkcs11.ObjectHandle, attribute uint) (value []byte, known bool, err error) {
	got, err := s.Read(object, attribute)
	var code pkcs11.Error
	if errors.As(err, &code) && (code == pkcs11.CKR_ATTRIBUTE_TYPE_INVALID || code == pkcs11.CKR_ATTRIBUTE_SENSITIVE) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return got[0], len(got[0]) > 0, nil
}

func (s *session) flag(object pkcs11.ObjectHandle, attribute uint) (bool, error) {
	value, _, err := s.readMaybe(object, attribute)
	return bytes.Equal(value, pkcs11.NewAttribute(attribute, true).Value), err
}

// which gives the one that is it, or nil.
func which(points [][]byte, is func([]byte) bool) []byte {
	if i := slices.IndexFunc(points, is); i >= 0 {
		return points[i]
	}
	return nil
}

func containsPoint(points [][]byte, point []byte) bool {
	return slices.ContainsFunc(points, func(p []byte) bool { return bytes.Equal(p, point) })
}
