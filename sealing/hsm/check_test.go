package hsm_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// objects counts what is in the token.
func objects(t *testing.T, tok *token.Token) (n int) {
	t.Helper()
	direct(t, tok, func(m *pkcs11.Ctx, s pkcs11.SessionHandle) {
		if err := m.FindObjectsInit(s, nil); err != nil {
			t.Fatal(err)
		}
		found, _, err := m.FindObjects(s, 1000)
		if err != nil {
			t.Fatal(err)
		}
		n = len(found)
	})
	return n
}

func TestTheCheckTriesATokenAndLeavesItAsItWas(t *testing.T) {
	tok := token.ForTest(t)
	if _, err := tok.Ceremony(fleet, keyID, api.SuiteHybrid); err != nil {
		t.Fatal(err)
	}
	before := objects(t, tok)
	checks, err := hsm.CheckToken(tok.Config(fleet), 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(checks) != 9 {
		t.Errorf("%d things were tried", len(checks))
	}
	for _, check := range checks {
		if check.Problem != "" {
			t.Errorf("%s: %s", check.What, check.Problem)
		}
	}
	if after := objects(t, tok); after != before {
		t.Errorf("%d objects in the token, %d before", after, before)
	}
}

func TestTheCheckNamesWhatATokenCannotDo(t *testing.T) {
	const mechanismInvalid, sensitive = 0x70, 0x11
	for name, c := range map[string]struct {
		function string
		ckr      uint
		every    int
		failed   []string
	}{
		"no ECDH": {"C_DeriveKey", mechanismInvalid, 1, []string{"CKM_ECDH1_DERIVE"}},
		"no key pairs": {"C_GenerateKeyPair", mechanismInvalid, 1,
			[]string{"CKM_EC_KEY_PAIR_GEN", "CKM_ECDH1_DERIVE", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA"}},
		"no secret keys": {"C_GenerateKey", mechanismInvalid, 1,
			[]string{"CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC"}},
		"no signatures and no HMAC": {"C_SignInit", mechanismInvalid, 1, []string{"CKM_ECDSA", "CKM_SHA256_HMAC"}},
		"no random numbers": {"C_GenerateRandom", 0x120, 1,
			[]string{"C_GenerateRandom", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDH1_DERIVE", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA",
				"CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC"}},
		"room for three sessions of 6": {"C_OpenSession", ckrSessionCount, 5, []string{"C_OpenSession"}},
		"nothing that can be destroyed": {"C_DestroyObject", ckrFunctionFailed, 1,
			[]string{"CKM_ECDH1_DERIVE", "C_DestroyObject"}},
		"nothing that can be read": {"C_GetAttributeValue", sensitive, 1,
			[]string{"CKM_EC_KEY_PAIR_GEN", "CKM_ECDH1_DERIVE", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA",
				"CKM_GENERIC_SECRET_KEY_GEN"}},
	} {
		t.Run(name, func(t *testing.T) {
			tok := token.ForTest(t)
			if err := tok.Fault(c.function, c.ckr, c.every, 0); err != nil {
				t.Fatal(err)
			}
			checks, err := hsm.CheckToken(tok.Config(fleet), 4)
			if err != nil {
				t.Fatal(err)
			}
			var failed []string
			for _, check := range checks {
				if check.Problem != "" {
					failed = append(failed, check.Mechanism)
				}
				if (check.Problem == "") != (check.Hint == "") {
					t.Errorf("%s: problem %q with hint %q", check.What, check.Problem, check.Hint)
				}
			}
			if diff := cmp.Diff(c.failed, failed); diff != "" {
				t.Error(diff)
			}
			if err := tok.ClearFault(); err != nil {
				t.Fatal(err)
			}
			if n := objects(t, tok); n > 0 && !slices.Contains(c.failed, "C_DestroyObject") {
				t.Errorf("%d objects are left in the token", n)
			}
		})
	}
}

func TestTheCheckTriesAPINOnce(t *testing.T) {
	tok := token.ForTest(t)
	cfg := tok.Config(fleet)
	cfg.PIN = "not the PIN"
	if _, err := hsm.CheckToken(cfg, 2); !errors.Is(err, hsm.ErrPIN) {
		t.Errorf("%v, want ErrPIN", err)
	}
	if n := calls(t, tok, "C_Login"); n != 1 {
		t.Errorf("%d log-ins, want 1", n)
	}
}

// particular is a token that derives, signs and computes only in read-write
// sessions, as there are; the service has none.
type particular struct {
	*pkcs11.Ctx
	mu       sync.Mutex
	readOnly map[pkcs11.SessionHandle]bool
}

func (p *particular) OpenSession(slot, flags uint) (pkcs11.SessionHandle, error) {
	s, err := p.Ctx.OpenSession(slot, flags)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readOnly[s] = flags&pkcs11.CKF_RW_SESSION == 0
	return s, err
}

func (p *particular) refuses(s pkcs11.SessionHandle) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readOnly[s]
}

func (p *particular) DeriveKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle,
	to []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if p.refuses(s) {
		return 0, pkcs11.Error(pkcs11.CKR_SESSION_READ_ONLY)
	}
	return p.Ctx.DeriveKey(s, m, key, to)
}

func (p *particular) SignInit(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) error {
	if p.refuses(s) {
		return pkcs11.Error(pkcs11.CKR_SESSION_READ_ONLY)
	}
	return p.Ctx.SignInit(s, m, key)
}

// A token must do it where the service asks for it: what only a read-write session
// can do is nothing that a check may promise.
func TestTheCheckUsesKeysInTheServicesKindOfSession(t *testing.T) {
	tok := token.ForTest(t)
	d := openDirect(t, tok, func(m *pkcs11.Ctx) hsm.Module {
		return &particular{Ctx: m,
			readOnly: map[pkcs11.SessionHandle]bool{}}
	})
	checks, err := d.Check(2)
	if err != nil {
		t.Fatal(err)
	}
	var failed []string
	for _, check := range checks {
		if strings.Contains(check.Problem, "CKR_SESSION_READ_ONLY") {
			failed = append(failed, check.Mechanism)
		}
	}
	if diff := cmp.Diff([]string{"CKM_ECDH1_DERIVE", "CKM_ECDSA", "CKM_SHA256_HMAC"}, failed); diff != "" {
		t.Errorf("found to fail (-want +got):\n%s", diff)
	}
}

// hmacOnly is a token that makes secret keys of the HMAC's own type and length, and
// does not know CKA_VALUE_LEN, as YubiHSM's module.
type hmacOnly struct{ *pkcs11.Ctx }

func (h hmacOnly) GenerateKey(s pkcs11.SessionHandle, m []*pkcs11.Mechanism,
	template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	var made []*pkcs11.Attribute
	for _, a := range template {
		switch {
		case a.Type == pkcs11.CKA_VALUE_LEN:
			return 0, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
		case a.Type == pkcs11.CKA_KEY_TYPE &&
			!bytes.Equal(a.Value, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_SHA256_HMAC).Value):
			return 0, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCONSISTENT)
		case a.Type != pkcs11.CKA_KEY_TYPE:
			made = append(made, a)
		}
	}
	made = append(made, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32))
	return h.Ctx.GenerateKey(s, m, made)
}

func TestATokenMayWantTheHMACKeyByItsOwnType(t *testing.T) {
	tok := token.ForTest(t)
	d := openDirect(t, tok, func(m *pkcs11.Ctx) hsm.Module { return hmacOnly{m} })
	checks, err := d.Check(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range checks {
		if check.Problem != "" {
			t.Errorf("%s: %s", check.What, check.Problem)
		}
	}
	if err := d.Ceremony(keyID, api.SuiteHybrid); err != nil {
		t.Errorf("the ceremony: %v", err)
	}
}

func openDirect(t *testing.T, tok *token.Token, wrap func(*pkcs11.Ctx) hsm.Module) *hsm.Direct {
	t.Helper()
	for _, env := range tok.Env {
		name, value, _ := strings.Cut(env, "=")
		t.Setenv(name, value)
	}
	d, err := hsm.OpenDirect(tok.Config(fleet), 1, wrap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}
