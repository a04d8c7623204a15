//go:build cgo

package hsm

import (
	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// setPins loads the pinned keys and, when all are sound, makes them the ones in
// use. Retired keys open nothing and need not be in the token any more.
func (t *token) setPins(pins []api.SealingKey) error {
	former, next := *t.keys.Load(), map[string]*sealingKey{}
	for _, record := range pins {
		if record.Status == api.KeyRetired {
			continue
		}
		if record.PublicKey == "" {
			return faulty(faultSetup, "pin sealing key %q: its record has no public key", record.ID)
		}
		k := former[record.ID]
		if k == nil || k.record.PublicKey != record.PublicKey || k.record.Suite != record.Suite {
			var err error
			if k, err = t.load(record); err != nil {
				return tokenError("pin sealing keys", err)
			}
		}
		next[record.ID] = k
	}
	t.keys.Store(&next)
	return nil
}

func (t *token) open(req *request) (*response, error) {
	k := (*t.keys.Load())[req.Key]
	if k == nil {
		return nil, faulty(faultKey, "open with sealing key %q: it is not pinned", req.Key)
	}
	plain, err := k.open(t, req.Info, req.Data)
	return &response{Data: plain}, err
}

func (t *token) ready() error {
	for _, k := range *t.keys.Load() {
		err := k.selfTest(t)
		if e := workerErrorOf(err); e != nil && e.Fault == faultWrongKey {
			// Not the key that was loaded: another worker finds out which it is.
			return faulty(faultLost, "%s", e.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *token) public(req *request) (*response, error) {
	k, err := t.load(api.SealingKey{ID: req.Key, Suite: req.Suite})
	if err != nil {
		return nil, err
	}
	return k.response(), nil
}

func (k *sealingKey) response() *response {
	r := &response{Data: k.public.Bytes()}
	if k.seed != nil {
		r.Extra = k.seed.EncapsulationKey().Bytes()
	}
	return r
}

func (t *token) random(req *request) (r *response, err error) {
	r = &response{}
	err = t.do(func(s *session) error {
		r.Data, err = t.m.GenerateRandom(s.handle, req.Size)
		return err
	})
	return r, err
}

// signingLabel refuses what is not a role: a request must not sign with a
// sealing key, whatever the token would say.
func (t *token) signingLabel(role string) (string, error) {
	if !IsRole(role) {
		return "", faulty(faultKey, "find signing key %q: there is no such role", role)
	}
	return SignerLabel(t.fleet, role), nil
}

func (t *token) signer(req *request) (*response, error) {
	label, err := t.signingLabel(req.Key)
	if err != nil {
		return nil, err
	}
	r := &response{}
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

func (t *token) sign(req *request) (*response, error) {
	label, err := t.signingLabel(req.Key)
	if err != nil {
		return nil, err
	}
	r := &response{}
	err = t.do(func(s *session) error {
		private, err := s.findAgain(pkcs11.CKO_PRIVATE_KEY, label) // the parent read its public half first
		if err != nil {
			return err
		}
		r.Data, err = s.sign(pkcs11.CKM_ECDSA, private, req.Data)
		return err
	})
	return r, err
}
