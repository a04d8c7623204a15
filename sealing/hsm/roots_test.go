package hsm_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/token"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// rootInService is a fleet of before: its root key is where the service logs in.
func rootInService(t *testing.T) (*token.Token, *hsm.Made) {
	t.Helper()
	tok := token.ForTest(t)
	made, err := hsm.Ceremony(tok.Config(fleet), tok.Config(fleet), fleet, keyID, api.SuiteP256)
	if err != nil {
		t.Fatal(err)
	}
	return tok, made
}

// setAttributes changes the objects of a class with a label, as whoever has the
// PIN can; nil destroys them.
func setAttributes(t *testing.T, tok *token.Token, class uint, label string, to ...*pkcs11.Attribute) {
	t.Helper()
	direct(t, tok, func(m *pkcs11.Ctx, s pkcs11.SessionHandle) {
		if err := m.FindObjectsInit(s,
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
				pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)}); err != nil {
			t.Fatal(err)
		}
		found, _, err := m.FindObjects(s, 2)
		if err != nil || len(found) != 1 {
			t.Fatalf("found %d objects labelled %q (%v)", len(found), label, err)
		}
		if err := m.FindObjectsFinal(s); err != nil {
			t.Fatal(err)
		}
		if len(to) == 0 {
			err = m.DestroyObject(s, found[0])
		} else {
			err = m.SetAttributeValue(s, found[0], to)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A root key on the service's login is found by what it does: its label can be
// changed, its public half taken away, its uses too, by whoever has the PIN.
func TestARootKeyIsFoundUnderAnyLabel(t *testing.T) {
	label := hsm.SignerLabel(fleet, hsm.RoleRoot)
	relabel := pkcs11.NewAttribute(pkcs11.CKA_LABEL, "harmless")
	for name, hide := range map[string]func(*testing.T, *token.Token){
		"another label": func(t *testing.T, tok *token.Token) {
			setAttributes(t, tok, pkcs11.CKO_PRIVATE_KEY, label, relabel)
		},
		"no public half": func(t *testing.T, tok *token.Token) {
			setAttributes(t, tok, pkcs11.CKO_PRIVATE_KEY, label, relabel)
			setAttributes(t, tok, pkcs11.CKO_PUBLIC_KEY, label)
		},
		"only derives": func(t *testing.T, tok *token.Token) {
			setAttributes(t, tok, pkcs11.CKO_PUBLIC_KEY, label)
			setAttributes(t, tok, pkcs11.CKO_PRIVATE_KEY, label, relabel, pkcs11.NewAttribute(pkcs11.CKA_SIGN, false),
				pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true))
		},
		"of no use": func(t *testing.T, tok *token.Token) { // until the attribute is set again
			setAttributes(t, tok, pkcs11.CKO_PRIVATE_KEY, label, relabel, pkcs11.NewAttribute(pkcs11.CKA_SIGN, false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			tok, made := rootInService(t)
			hide(t, tok)
			shown, err := start(t, tok.Config(fleet)).RootKeys(t.Context(), made.Root)
			if err != nil || !slices.Equal(shown, []string{`"harmless"`}) {
				t.Errorf("shown %q (%v)", shown, err)
			}
		})
	}
}

func TestNoOtherKeyPassesForARootKey(t *testing.T) {
	tok := token.ForTest(t)
	made, err := tok.Ceremony(fleet, keyID, api.SuiteHybrid)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := start(t, tok.Config(fleet)).RootKeys(t.Context(), made.Root)
	if err != nil || len(shown) > 0 {
		t.Errorf("the service's token shows %q (%v)", shown, err)
	}
	// What is labelled as one counts, of any fleet: nobody pinned that key here.
	if _, err := hsm.MakeSigner(tok.Config("another"), "another", "root-2"); err != nil {
		t.Fatal(err)
	}
	shown, err = start(t, tok.Config(fleet)).RootKeys(t.Context(), made.Root)
	if err != nil || !slices.Equal(shown, []string{`"bulla/another/root-2"`}) {
		t.Errorf("with another fleet's: %q (%v)", shown, err)
	}
}

func TestForgetDestroysTheKeysOfThesePointsAlone(t *testing.T) {
	tok, made := rootInService(t)
	setAttributes(t, tok, pkcs11.CKO_PRIVATE_KEY, hsm.SignerLabel(fleet, hsm.RoleRoot),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, "harmless"))
	for _, want := range [][]string{{`"harmless"`}, nil} {
		got, err := hsm.ForgetKeys(tok.Config(fleet), made.Root)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("destroyed (-want +got), %v:\n%s", err, diff)
		}
	}
	keys, err := hsm.List(tok.Config(fleet), fleet)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, key := range keys {
		if left = append(left, key.Use); key.Problem != "" {
			t.Errorf("%s: %s", key.Label, key.Problem)
		}
	}
	if !slices.Equal(left, []string{"ca", "log", "seal"}) {
		t.Errorf("left are %q", left)
	}
}

// Of a ceremony that fails after the root key was made, nothing is left in either
// token; nor where two names lead to one token.
func TestAFailedCeremonyLeavesNoRootKey(t *testing.T) {
	tok := token.ForTest(t)
	if err := tok.Fault("C_GenerateKey", ckrFunctionFailed, 1, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Ceremony(fleet, keyID, api.SuiteHybrid); err == nil {
		t.Fatal("a ceremony without its secret key was accepted")
	}
	if err := tok.ClearFault(); err != nil {
		t.Fatal(err)
	}
	alias := tok.Config(fleet)
	alias.Module = tok.SoftHSM // the same token through another path
	if _, err := hsm.Ceremony(tok.Config(fleet), alias, fleet, keyID, api.SuiteP256); err == nil {
		t.Error("one token under two names passed for two")
	}
	for name, config := range map[string]hsm.Config{"service": tok.Config(fleet), "root": tok.Root.Config(fleet)} {
		if keys, err := hsm.List(config, fleet); err != nil || len(keys) > 0 {
			t.Errorf("%s: %d keys are left (%v)", name, len(keys), err)
		}
	}
}
