//go:build cgo

package token

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// maxRecoveries bounds how often one operation is taken up again in this
// process. One that lost its session may find the login gone as well, and beside
// other sessions it may be the unlucky one several times.
const maxRecoveries = 8

// Session is one PKCS#11 session. It belongs to the goroutine that runs loop, and
// nothing else may touch it: two threads in one session crash the process.
type Session struct {
	token *Token
	// Handle is for calls of the module.
	Handle  pkcs11.SessionHandle
	login   uint64 // the login that handles belong to
	handles map[objectName]pkcs11.ObjectHandle
	// Proven are private keys among handles that were seen to be the right ones.
	Proven map[pkcs11.ObjectHandle]bool
}

func newSession(t *Token, handle pkcs11.SessionHandle) *Session {
	return &Session{token: t, Handle: handle, login: t.logins.Load(),
		handles: map[objectName]pkcs11.ObjectHandle{}, Proven: map[pkcs11.ObjectHandle]bool{}}
}

// forget drops what was found: the next use looks it up again.
func (s *Session) forget() {
	clear(s.handles)
	clear(s.Proven)
}

type objectName struct {
	class uint
	label string
}

type job struct {
	run  func(*Session) error
	done chan error
}

func (s *Session) loop() {
	for j := range s.token.jobs {
		j.done <- s.do(j.run)
	}
	_ = s.token.Module.CloseSession(s.Handle) // the module is finalised next
}

// do runs one operation, again after what it needs was opened or found again.
func (s *Session) do(run func(*Session) error) error {
	for tried := 0; ; tried++ {
		if login := s.token.logins.Load(); login != s.login {
			s.forget()
			s.login = login
		}
		err := run(s)
		if err == nil || tried == maxRecoveries {
			return err
		}
		switch recoveryOf(err) {
		case recoverSession:
			if openErr := s.reopen(); openErr != nil {
				return fmt.Errorf("%w (and opening a session again: %w)", err, openErr)
			}
		case recoverLogin:
			s.forget()
			if loginErr := s.token.relogin(s.login); loginErr != nil {
				return loginErr
			}
		case recoverPause:
			// Short enough that eight of them stay far below any deadline.
			time.Sleep(time.Duration(tried+1) * (time.Millisecond + rand.N(2*time.Millisecond))) //nolint:gosec // jitter
		default:
			return err
		}
	}
}

// reopen replaces a session that is gone. Handles go with it: some modules tie
// even those of token objects to the session.
func (s *Session) reopen() error {
	_ = s.token.Module.CloseSession(s.Handle) // usually gone; else it would leak
	h, err := s.token.Module.OpenSession(s.token.Slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	s.Handle = h
	s.forget()
	return nil
}

// Find returns the one object of a class with a label, looking it up once.
func (s *Session) Find(class uint, label string) (pkcs11.ObjectHandle, error) {
	name := objectName{class, label}
	if h, ok := s.handles[name]; ok {
		return h, nil
	}
	found, err := s.Objects([]*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}, 2)
	if err != nil {
		return 0, err
	}
	switch len(found) {
	case 1:
		s.handles[name] = found[0]
		return found[0], nil
	case 0:
		// A token that was logged out shows no private objects.
		info, err := s.token.Module.GetSessionInfo(s.Handle)
		if err != nil {
			return 0, err
		}
		if info.State != pkcs11.CKS_RO_USER_FUNCTIONS && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
			return 0, pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
		}
		return 0, wire.Faulty(wire.FaultKey, "find key %q: the token has none", label)
	default:
		return 0, wire.Faulty(wire.FaultWrongKey, "find key %q: the token has more than one", label)
	}
}

// FindAgain is Find for a key that was in the token when it was loaded. SoftHSM
// shows no objects once its files are away, and does not see them come back.
func (s *Session) FindAgain(class uint, label string) (pkcs11.ObjectHandle, error) {
	object, err := s.Find(class, label)
	var e *wire.Error
	if errors.As(err, &e) && e.Fault == wire.FaultKey {
		return 0, wire.Faulty(wire.FaultLost, "find key %q: the token has it no more", label)
	}
	return object, err
}

// Objects returns at most limit handles.
func (s *Session) Objects(template []*pkcs11.Attribute, limit int) ([]pkcs11.ObjectHandle, error) {
	m := s.token.Module
	if err := m.FindObjectsInit(s.Handle, template); err != nil {
		return nil, err
	}
	found, _, err := m.FindObjects(s.Handle, limit)
	if finalErr := m.FindObjectsFinal(s.Handle); err == nil {
		err = finalErr
	}
	return found, err
}

// derivedTemplate is for the shared secret: a session object, destroyed as soon
// as it was read.
var derivedTemplate = []*pkcs11.Attribute{
	pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
	pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
	pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
	// HPKE's key schedule runs outside the token, so the secret is read: some
	// tokens refuse this, and Ready tells.
	pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
	pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
	pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
}

// ECDH is the token's part of HPKE: the x-coordinate of key × point, 32 bytes.
// point is an uncompressed P-256 point that is known to be on the curve.
func (s *Session) ECDH(key pkcs11.ObjectHandle, point []byte) ([]byte, error) {
	if len(point) != 65 {
		// miekg/pkcs11 panics on an empty point, and a token answers an invalid
		// one as if it were broken.
		return nil, wire.Faulty(wire.FaultOpen, "derive: the point has %d bytes", len(point))
	}
	m := s.token.Module
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, point))
	secret, err := m.DeriveKey(s.Handle, []*pkcs11.Mechanism{mechanism}, key, derivedTemplate)
	if err != nil {
		return nil, err
	}
	value, err := m.GetAttributeValue(s.Handle, secret, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	// Objects that stay cost memory until the session ends.
	if destroyErr := m.DestroyObject(s.Handle, secret); err == nil {
		err = destroyErr
	}
	if err != nil {
		return nil, err
	}
	if len(value) != 1 || len(value[0].Value) != 32 {
		return nil, wire.Faulty(wire.FaultBusy, "derive: the token does not give the shared secret")
	}
	return value[0].Value, nil
}

// Sign makes one signature or MAC.
func (s *Session) Sign(mechanism uint, key pkcs11.ObjectHandle, message []byte) ([]byte, error) {
	how := []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
	if err := s.token.Module.SignInit(s.Handle, how, key); err != nil {
		return nil, err
	}
	return s.token.Module.Sign(s.Handle, message)
}

// Read returns the values of attributes, in the order asked.
func (s *Session) Read(object pkcs11.ObjectHandle, types ...uint) ([][]byte, error) {
	ask := make([]*pkcs11.Attribute, len(types))
	for i, t := range types {
		ask[i] = pkcs11.NewAttribute(t, nil)
	}
	got, err := s.token.Module.GetAttributeValue(s.Handle, object, ask)
	if err != nil {
		return nil, err
	}
	values := make([][]byte, len(got))
	for i, a := range got {
		values[i] = a.Value
	}
	return values, nil
}
