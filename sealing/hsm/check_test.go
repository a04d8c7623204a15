package hsm_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/miekg/pkcs11"

	"github.com/bulla-dev/bulla/api/v1alpha1"
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
	if _, err := tok.Ceremony(fleet, keyID, v1alpha1.SuiteHybrid); err != nil {
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
		"no ECDH":                       {"C_DeriveKey", mechanismInvalid, 1, []string{"CKM_ECDH1_DERIVE"}},
		"no key pairs":                  {"C_GenerateKeyPair", mechanismInvalid, 1, []string{"CKM_EC_KEY_PAIR_GEN", "CKM_ECDH1_DERIVE", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA"}},
		"no secret keys":                {"C_GenerateKey", mechanismInvalid, 1, []string{"CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC"}},
		"no signatures and no HMAC":     {"C_SignInit", mechanismInvalid, 1, []string{"CKM_ECDSA", "CKM_SHA256_HMAC"}},
		"no random numbers":             {"C_GenerateRandom", 0x120, 1, []string{"C_GenerateRandom", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDH1_DERIVE", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA", "CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA256_HMAC"}},
		"room for three sessions of 6":  {"C_OpenSession", ckrSessionCount, 5, []string{"C_OpenSession"}},
		"nothing that can be destroyed": {"C_DestroyObject", ckrFunctionFailed, 1, []string{"CKM_ECDH1_DERIVE", "C_DestroyObject"}},
		"nothing that can be read":      {"C_GetAttributeValue", sensitive, 1, []string{"CKM_EC_KEY_PAIR_GEN", "CKM_ECDH1_DERIVE", "CKM_EC_KEY_PAIR_GEN", "CKM_ECDSA", "CKM_GENERIC_SECRET_KEY_GEN"}},
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
