//go:build cgo

package hsm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/miekg/pkcs11"
)

// maxRecoveries bounds how often one operation is taken up again in this
// process. One that lost its session may find the login gone as well, and beside
// other sessions it may be the unlucky one several times.
const maxRecoveries = 8

// session is one PKCS#11 session. It belongs to the goroutine that runs loop, and
// nothing else may touch it: two threads in one session crash the process.
type session struct {
	token   *token
	handle  pkcs11.SessionHandle
	login   uint64 // the login that handles belong to
	handles map[objectName]pkcs11.ObjectHandle
	// proven are private keys among handles that were seen to be the right ones.
	proven map[pkcs11.ObjectHandle]bool
}

func newSession(t *token, handle pkcs11.SessionHandle) *session {
	return &session{token: t, handle: handle, login: t.logins.Load(),
		handles: map[objectName]pkcs11.ObjectHandle{}, proven: map[pkcs11.ObjectHandle]bool{}}
}

// forget drops what was found: the next use looks it up again.
func (s *session) forget() {
	clear(s.handles)
	clear(s.proven)
}

type objectName struct {
	class uint
	label string
}

type job struct {
	run  func(*session) error
	done chan error
}

func (s *session) loop() {
	for j := range s.token.jobs {
		j.done <- s.do(j.run)
	}
	_ = s.token.m.CloseSession(s.handle) // the module is finalised next
}

// do runs one operation, again after what it needs was opened or found again.
func (s *session) do(run func(*session) error) error {
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
func (s *session) reopen() error {
	_ = s.token.m.CloseSession(s.handle) // usually gone; else it would leak
	h, err := s.token.m.OpenSession(s.token.slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	s.handle = h
	s.forget()
	return nil
}

// find returns the one object of a class with a label, looking it up once.
func (s *session) find(class uint, label string) (pkcs11.ObjectHandle, error) {
	name := objectName{class, label}
	if h, ok := s.handles[name]; ok {
		return h, nil
	}
	found, err := findObjects(s.token.m, s.handle, []*pkcs11.Attribute{
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
		info, err := s.token.m.GetSessionInfo(s.handle)
		if err != nil {
			return 0, err
		}
		if info.State != pkcs11.CKS_RO_USER_FUNCTIONS && info.State != pkcs11.CKS_RW_USER_FUNCTIONS {
			return 0, pkcs11.Error(pkcs11.CKR_USER_NOT_LOGGED_IN)
		}
		return 0, faulty(faultKey, "find key %q: the token has none", label)
	default:
		return 0, faulty(faultWrongKey, "find key %q: the token has more than one", label)
	}
}

// findAgain is find for a key that was in the token when it was loaded. SoftHSM
// shows no objects once its files are away, and does not see them come back.
func (s *session) findAgain(class uint, label string) (pkcs11.ObjectHandle, error) {
	object, err := s.find(class, label)
	var e *workerError
	if errors.As(err, &e) && e.Fault == faultKey {
		return 0, faulty(faultLost, "find key %q: the token has it no more", label)
	}
	return object, err
}

// findObjects returns at most limit handles.
func findObjects(m module, s pkcs11.SessionHandle, template []*pkcs11.Attribute, limit int,
) ([]pkcs11.ObjectHandle, error) {
	if err := m.FindObjectsInit(s, template); err != nil {
		return nil, err
	}
	found, _, err := m.FindObjects(s, limit)
	if finalErr := m.FindObjectsFinal(s); err == nil {
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

// ecdh is the token's part of HPKE: the x-coordinate of key × point, 32 bytes.
// point is an uncompressed P-256 point that is known to be on the curve.
func (s *session) ecdh(key pkcs11.ObjectHandle, point []byte) ([]byte, error) {
	if len(point) != 65 {
		// miekg/pkcs11 panics on an empty point, and a token answers an invalid
		// one as if it were broken.
		return nil, faulty(faultOpen, "derive: the point has %d bytes", len(point))
	}
	m := s.token.m
	mechanism := pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, point))
	secret, err := m.DeriveKey(s.handle, []*pkcs11.Mechanism{mechanism}, key, derivedTemplate)
	if err != nil {
		return nil, err
	}
	value, err := m.GetAttributeValue(s.handle, secret, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	// Objects that stay cost memory until the session ends.
	if destroyErr := m.DestroyObject(s.handle, secret); err == nil {
		err = destroyErr
	}
	if err != nil {
		return nil, err
	}
	if len(value) != 1 || len(value[0].Value) != 32 {
		return nil, faulty(faultBusy, "derive: the token does not give the shared secret")
	}
	return value[0].Value, nil
}

// sign makes one signature or MAC.
func (s *session) sign(mechanism uint, key pkcs11.ObjectHandle, message []byte) ([]byte, error) {
	if err := s.token.m.SignInit(s.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, key); err != nil {
		return nil, err
	}
	return s.token.m.Sign(s.handle, message)
}

// read returns the values of attributes, in the order asked.
func (s *session) read(object pkcs11.ObjectHandle, types ...uint) ([][]byte, error) {
	ask := make([]*pkcs11.Attribute, len(types))
	for i, t := range types {
		ask[i] = pkcs11.NewAttribute(t, nil)
	}
	got, err := s.token.m.GetAttributeValue(s.handle, object, ask)
	if err != nil {
		return nil, err
	}
	values := make([][]byte, len(got))
	for i, a := range got {
		values[i] = a.Value
	}
	return values, nil
}
