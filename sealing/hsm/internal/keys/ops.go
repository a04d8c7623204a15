//go:build cgo

package keys

import (
	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/token"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// setPins loads the pinned keys and, when all are sound, makes them the ones in
// use. Retired keys open nothing and need not be in the token any more.
func (t *Keeper) setPins(pins []api.SealingKey) error {
	former, next := *t.keys.Load(), map[string]*sealingKey{}
	for _, record := range pins {
		if record.Status == api.KeyRetired {
			continue
		}
		if record.PublicKey == "" {
			return wire.Faulty(wire.FaultSetup, "pin sealing key %q: its record has no public key", record.ID)
		}
		k := former[record.ID]
		if k == nil || k.record.PublicKey != record.PublicKey || k.record.Suite != record.Suite {
			var err error
			if k, err = t.load(record); err != nil {
				return token.Error("pin sealing keys", err)
			}
		}
		next[record.ID] = k
	}
	t.keys.Store(&next)
	return nil
}

func (t *Keeper) open(req *wire.Request) (*wire.Response, error) {
	k := (*t.keys.Load())[req.Key]
	if k == nil {
		return nil, wire.Faulty(wire.FaultKey, "open with sealing key %q: it is not pinned", req.Key)
	}
	plain, err := k.open(t, req.Info, req.Data)
	return &wire.Response{Data: plain}, err
}

func (t *Keeper) ready() error {
	for _, k := range *t.keys.Load() {
		err := k.selfTest(t)
		if e := wire.ErrorOf(err); e != nil && e.Fault == wire.FaultWrongKey {
			// Not the key that was loaded: another worker finds out which it is.
			return wire.Faulty(wire.FaultLost, "%s", e.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *Keeper) public(req *wire.Request) (*wire.Response, error) {
	k, err := t.load(api.SealingKey{ID: req.Key, Suite: req.Suite})
	if err != nil {
		return nil, err
	}
	return k.response(), nil
}

func (k *sealingKey) response() *wire.Response {
	r := &wire.Response{Data: k.public.Bytes()}
	if k.seed != nil {
		r.Extra = k.seed.EncapsulationKey().Bytes()
	}
	return r
}

// signingLabel refuses what is not a role: a request must not sign with a
// sealing key, whatever the token would say.
func (t *Keeper) signingLabel(role string) (string, error) {
	if !wire.IsRole(role) {
		return "", wire.Faulty(wire.FaultKey, "find signing key %q: there is no such role", role)
	}
	return wire.SignerLabel(t.Fleet, role), nil
}

func (t *Keeper) signer(req *wire.Request) (*wire.Response, error) {
	label, err := t.signingLabel(req.Key)
	if err != nil {
		return nil, err
	}
	r := &wire.Response{}
	err = t.do(func(s *session) error {
		if err := s.checkKept(pkcs11.CKO_PRIVATE_KEY, label, signPrivate); err != nil {
			return err
		}
		public, err := s.publicPoint(label)
		if err == nil {
			r.Data = public.Bytes()
		}
		return err
	})
	return r, err
}

func (t *Keeper) sign(req *wire.Request) (*wire.Response, error) {
	label, err := t.signingLabel(req.Key)
	if err != nil {
		return nil, err
	}
	r := &wire.Response{}
	err = t.do(func(s *session) error {
		private, err := s.FindAgain(pkcs11.CKO_PRIVATE_KEY, label) // the parent read its public half first
		if err != nil {
			return err
		}
		r.Data, err = s.Sign(pkcs11.CKM_ECDSA, private, req.Data)
		return err
	})
	return r, err
}
