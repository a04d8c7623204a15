package hsm

import (
	"crypto/ecdh"

	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/keys"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/token"
	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// Pid is the worker process's id, 0 while there is none.
func (w *Worker) Pid() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proc == nil {
		return 0
	}
	return w.proc.cmd.Process.Pid
}

// Direct is a token used in the test's own process.
type Direct struct{ t *keys.Keeper }

// OpenDirect opens a token in this process, which can be done once at a time.
func OpenDirect(cfg Config, sessions int, wrap func(m *pkcs11.Ctx) Module) (*Direct, error) {
	m, err := token.Load(cfg.Module)
	if err != nil {
		return nil, err
	}
	if wrap != nil {
		m = wrap(m.(*pkcs11.Ctx))
	}
	t, err := keys.OpenWith(m, &wire.Hello{Token: wire.TokenName{Label: cfg.TokenLabel}, PIN: cfg.PIN, Fleet: cfg.Fleet,
		Sessions: sessions})
	if err != nil {
		return nil, err
	}
	return &Direct{t}, nil
}

// Module is the PKCS#11 library as the worker sees it.
type Module = token.Module

// Module gives the library of an open token.
func (d *Direct) Module() Module { return d.t.Module }

// Slot is where the token is.
func (d *Direct) Slot() uint { return d.t.Slot }

// Close finalises the library.
func (d *Direct) Close() { d.t.Close() }

// Ceremony runs the worker's half of [Ceremony].
func (d *Direct) Ceremony(keyID string, suite api.Suite) error {
	if r := d.t.Handle(&wire.Request{Op: wire.OpCeremony, Key: keyID, Suite: suite}); r.Err != nil {
		return r.Err
	}
	return nil
}

// Check runs the worker's half of [CheckToken].
func (d *Direct) Check(sessions int) ([]Check, error) {
	r := d.t.Handle(&wire.Request{Op: wire.OpCheck, Size: sessions})
	if r.Err != nil {
		return nil, r.Err
	}
	return r.Checks, nil
}

// Exchange is the raw operation: one ECDH with a sealing key, in a session.
func (d *Direct) Exchange(keyID string, point []byte) (secret []byte, err error) {
	err = d.t.Do(func(s *token.Session) error {
		key, err := s.Find(pkcs11.CKO_PRIVATE_KEY, SealingLabel(d.t.Fleet, keyID))
		if err != nil {
			return err
		}
		secret, err = s.ECDH(key, point)
		return err
	})
	return secret, err
}

// ExchangeMany is Exchange n times on one session without leaving it: nothing
// but the token's own work.
func (d *Direct) ExchangeMany(keyID string, point []byte, n int) error {
	return d.t.Do(func(s *token.Session) error {
		key, err := s.Find(pkcs11.CKO_PRIVATE_KEY, SealingLabel(d.t.Fleet, keyID))
		for range n {
			if err != nil {
				return err
			}
			_, err = s.ECDH(key, point)
		}
		return err
	})
}

// Exchanger gives a sealing key as crypto/hpke sees it. public is its point.
func (d *Direct) Exchanger(keyID string, public *ecdh.PublicKey) ecdh.KeyExchanger {
	return d.t.Exchanger(SealingLabel(d.t.Fleet, keyID), public)
}
