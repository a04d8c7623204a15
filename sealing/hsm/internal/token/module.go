//go:build cgo

package token

import (
	"errors"
	"fmt"
	"os"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// Module is what the worker uses of a PKCS#11 library, so that tests can put a
// token that lies between.
type Module interface {
	GetSlotList(tokenPresent bool) ([]uint, error)
	GetTokenInfo(slot uint) (pkcs11.TokenInfo, error)
	OpenSession(slot, flags uint) (pkcs11.SessionHandle, error)
	CloseSession(pkcs11.SessionHandle) error
	GetSessionInfo(pkcs11.SessionHandle) (pkcs11.SessionInfo, error)
	Login(s pkcs11.SessionHandle, userType uint, pin string) error
	FindObjectsInit(pkcs11.SessionHandle, []*pkcs11.Attribute) error
	FindObjects(s pkcs11.SessionHandle, limit int) ([]pkcs11.ObjectHandle, bool, error)
	FindObjectsFinal(pkcs11.SessionHandle) error
	GetAttributeValue(pkcs11.SessionHandle, pkcs11.ObjectHandle, []*pkcs11.Attribute) ([]*pkcs11.Attribute, error)
	GenerateKey(pkcs11.SessionHandle, []*pkcs11.Mechanism, []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)
	GenerateKeyPair(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, public,
		private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error)
	DeriveKey(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle, []*pkcs11.Attribute,
	) (pkcs11.ObjectHandle, error)
	DestroyObject(pkcs11.SessionHandle, pkcs11.ObjectHandle) error
	SignInit(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error
	Sign(s pkcs11.SessionHandle, message []byte) ([]byte, error)
	GenerateRandom(s pkcs11.SessionHandle, length int) ([]byte, error)
	Initialize(...pkcs11.InitializeOption) error
	Finalize() error
}

var _ Module = (*pkcs11.Ctx)(nil)

// Load loads and initialises a PKCS#11 library.
func Load(path string) (Module, error) {
	const hint = "install the token vendor's PKCS#11 module, or SoftHSM (apt-get install softhsm2), and give its path"
	if _, err := os.Stat(path); err != nil {
		return nil, &wire.Error{Fault: wire.FaultSetup, Text: fmt.Sprintf("load module %q: %v", path, errors.Unwrap(err)),
			Hint: hint}
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, &wire.Error{Fault: wire.FaultSetup, Text: fmt.Sprintf("load module %q: it is not a PKCS#11 library for "+
			"this machine", path), Hint: hint}
	}
	if err := ctx.Initialize(); err != nil {
		return nil, &wire.Error{Fault: wire.FaultSetup, Text: fmt.Sprintf("initialise module %q: %v", path, err),
			Hint: "see the module's own configuration (for SoftHSM, SOFTHSM2_CONF)"}
	}
	return ctx, nil
}

// recovery is what an error of the token asks for.
type recovery uint8

const (
	recoverNothing recovery = iota
	recoverSession          // this session is gone
	recoverLogin            // the login, or the handles with it
	recoverPause            // nothing is wrong that a moment would not mend
)

// recoveryOf reads a return value. SoftHSM never gives the codes that one would
// expect: a logout elsewhere shows as CKR_OBJECT_HANDLE_INVALID.
func recoveryOf(err error) recovery {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return recoverNothing
	}
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED:
		return recoverSession
	case pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID:
		return recoverLogin
	case pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_FUNCTION_CANCELED, pkcs11.CKR_SESSION_COUNT, pkcs11.CKR_OPERATION_ACTIVE:
		return recoverPause
	}
	return recoverNothing
}

// pinRefused says whether a login failed because of the PIN itself.
func pinRefused(err error) bool {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
		pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
		return true
	}
	return false
}

// Error classifies an error of the token for the parent, once nothing more
// can be done in this process.
func Error(what string, err error) *wire.Error {
	var known *wire.Error
	if errors.As(err, &known) {
		return wire.ErrorOf(fmt.Errorf("%s: %w", what, err))
	}
	f := wire.FaultBusy
	var code pkcs11.Error
	if errors.As(err, &code) {
		switch code {
		// Only C_Finalize and C_Initialize, so another process, bring these back.
		case pkcs11.CKR_GENERAL_ERROR, pkcs11.CKR_HOST_MEMORY, pkcs11.CKR_SLOT_ID_INVALID,
			pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_DEVICE_MEMORY, pkcs11.CKR_DEVICE_REMOVED,
			pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED:
			f = wire.FaultLost
		}
		if r := recoveryOf(err); r == recoverSession || r == recoverLogin {
			f = wire.FaultLost
		}
	}
	return wire.Faulty(f, "%s: %v", what, err)
}

// IsUnfit reports whether an error says of a key that it cannot be used so, and
// nothing of the token.
func IsUnfit(err error) bool {
	var code pkcs11.Error
	return errors.As(err, &code) && recoveryOf(code) == recoverNothing && Error("", code).Fault == wire.FaultBusy
}
