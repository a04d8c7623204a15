//go:build cgo

package keys

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/sealing/hsm/internal/wire"
)

// p256Params is the DER of the object identifier of prime256v1, 1.2.840.10045.3.1.7.
var p256Params = []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}

// attribute is a boolean attribute that a key must have, with the name that an
// error gives it.
type attribute struct {
	typ  uint
	name string
	want bool
}

// What a private or secret key is allowed to do. It is asked for when the key is
// generated, read back by checkMade, and looked at again whenever a key is
// loaded. An attribute that PKCS#11 does not define for the class is left out.
var (
	// derivePrivate is the P-256 half of a sealing key.
	derivePrivate = []attribute{
		{pkcs11.CKA_TOKEN, "CKA_TOKEN", true},                // survives the session
		{pkcs11.CKA_PRIVATE, "CKA_PRIVATE", true},            // only after login
		{pkcs11.CKA_SENSITIVE, "CKA_SENSITIVE", true},        // its value is never given in clear
		{pkcs11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false},   // nor wrapped
		{pkcs11.CKA_DERIVE, "CKA_DERIVE", true},              // its one use: ECDH
		{pkcs11.CKA_SIGN, "CKA_SIGN", false},                 // a sealing key that signs could pose as root or CA
		{pkcs11.CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", false}, // likewise
		{pkcs11.CKA_DECRYPT, "CKA_DECRYPT", false},           // no second way to open
		{pkcs11.CKA_UNWRAP, "CKA_UNWRAP", false},             // likewise
	}
	// signPrivate is the root, the CA or the log key.
	signPrivate = []attribute{
		{pkcs11.CKA_TOKEN, "CKA_TOKEN", true},                // survives the session
		{pkcs11.CKA_PRIVATE, "CKA_PRIVATE", true},            // only after login
		{pkcs11.CKA_SENSITIVE, "CKA_SENSITIVE", true},        // its value is never given in clear
		{pkcs11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false},   // nor wrapped
		{pkcs11.CKA_SIGN, "CKA_SIGN", true},                  // its one use: ECDSA
		{pkcs11.CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", false}, // not a mechanism of ours
		{pkcs11.CKA_DERIVE, "CKA_DERIVE", false},             // ECDH with a signing key opens nothing
		{pkcs11.CKA_DECRYPT, "CKA_DECRYPT", false},           // likewise
		{pkcs11.CKA_UNWRAP, "CKA_UNWRAP", false},             // likewise
	}
	// seedSecret is the key under which the ML-KEM seed is an HMAC.
	seedSecret = []attribute{
		{pkcs11.CKA_TOKEN, "CKA_TOKEN", true},              // survives the session
		{pkcs11.CKA_PRIVATE, "CKA_PRIVATE", true},          // only after login
		{pkcs11.CKA_SENSITIVE, "CKA_SENSITIVE", true},      // its value is never given in clear
		{pkcs11.CKA_EXTRACTABLE, "CKA_EXTRACTABLE", false}, // nor wrapped
		{pkcs11.CKA_SIGN, "CKA_SIGN", true},                // its one use: HMAC
		{pkcs11.CKA_VERIFY, "CKA_VERIFY", false},           // not needed
		{pkcs11.CKA_ENCRYPT, "CKA_ENCRYPT", false},         // one key, one mechanism
		{pkcs11.CKA_DECRYPT, "CKA_DECRYPT", false},         // likewise
		{pkcs11.CKA_WRAP, "CKA_WRAP", false},               // a key that wraps could carry others out
		{pkcs11.CKA_UNWRAP, "CKA_UNWRAP", false},           // or bring strange ones in
		{pkcs11.CKA_DERIVE, "CKA_DERIVE", false},           // derived keys may be readable
	}
	// born is what only the token can say of a key, and only of one that never
	// left it. It is not asked of a key that is loaded: a token that was restored
	// from its backup is as good.
	born = []attribute{
		{pkcs11.CKA_LOCAL, "CKA_LOCAL", true},                         // generated here, not imported
		{pkcs11.CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", true},   // never was readable
		{pkcs11.CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", true}, // never could leave
	}
)

// privateTemplate asks for a private or secret key with a label, an id and uses.
func privateTemplate(label string, id []byte, uses []attribute) []*pkcs11.Attribute {
	template := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), // how it is found
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),       // ties the halves together in other tools
	}
	for _, a := range uses {
		template = append(template, pkcs11.NewAttribute(a.typ, a.want))
	}
	return template
}

// publicTemplate asks for the public half of a P-256 key pair. verify tells a
// signing key from one that derives.
func publicTemplate(label string, id []byte, verify bool) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, p256Params), // the curve
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),           // read at each start
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false),        // nothing secret
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, verify),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, false), // EC keys do not encrypt
		pkcs11.NewAttribute(pkcs11.CKA_WRAP, false),    // nor wrap
	}
}

// secretForms are the ways to ask for the 32-byte key behind the ML-KEM seed, the
// usual one first. YubiHSM makes HMAC keys of the hash's own type alone, whose
// length is not asked for.
var secretForms = [][]*pkcs11.Attribute{
	{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)},
	{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_SHA256_HMAC), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)},
	{pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_SHA256_HMAC)},
}

func secretTemplate(label string, id []byte, form []*pkcs11.Attribute) []*pkcs11.Attribute {
	template := append(privateTemplate(label, id, seedSecret),
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))
	return append(template, form...)
}

// isOfTemplate says whether a token refused what was asked of a key, and not to
// make one: another form may be to its liking.
func isOfTemplate(err error) bool {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case pkcs11.CKR_TEMPLATE_INCONSISTENT, pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID,
		pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, pkcs11.CKR_KEY_TYPE_INCONSISTENT, pkcs11.CKR_KEY_SIZE_RANGE:
		return true
	}
	return false
}

// checkMade reads a key that was just generated back: tokens are known to ignore
// what they do not like in a template, and an extractable key is not noticed by
// using it.
func (s *session) checkMade(object pkcs11.ObjectHandle, label string, uses []attribute) error {
	return s.checkAttributes(object, label, append(append([]attribute(nil), uses...), born...))
}

// checkKept looks at a key that is about to be used.
func (s *session) checkKept(class uint, label string, uses []attribute) error {
	object, err := s.Find(class, label)
	if err != nil {
		return err
	}
	return s.checkAttributes(object, label, uses)
}

func (s *session) checkAttributes(object pkcs11.ObjectHandle, label string, want []attribute) error {
	for _, a := range want {
		// One at a time: the first that a token does not know would hide the rest.
		got, err := s.Read(object, a.typ)
		if err != nil {
			return fmt.Errorf("read %s of key %q: %w", a.name, label, err)
		}
		if !bytes.Equal(got[0], pkcs11.NewAttribute(a.typ, a.want).Value) {
			return wire.Faulty(wire.FaultAttrs, "check key %q: %v: %s is not %t", label, wire.ErrAttributes, a.name, a.want)
		}
	}
	return nil
}
