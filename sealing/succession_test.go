package sealing_test

import (
	"crypto/ecdsa"
	"errors"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func verifierKey(root *ecdsa.PrivateKey) string { return sealing.VerifierKey("acme", &root.PublicKey) }

// succeed is the old key's word for the new one.
func succeed(t *testing.T, spec *api.FleetSpec, old, next *ecdsa.PrivateKey, serial int64) string {
	t.Helper()
	link, err := sealing.SignSuccession(spec.ID, serial, "acme", old, verifierKey(next))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// lineOf is a fleet at serial 10 whose root key went through these keys.
func lineOf(t *testing.T, keys ...*ecdsa.PrivateKey) *api.FleetSpec {
	t.Helper()
	spec := signedFleet(t, keys[0])
	spec.Serial = 10
	for i := range keys[1:] {
		spec.RootSuccession = append(spec.RootSuccession, succeed(t, spec, keys[i], keys[i+1], int64(i+4)))
	}
	sign(t, spec, keys[len(keys)-1])
	return spec
}

func sign(t *testing.T, spec *api.FleetSpec, root *ecdsa.PrivateKey) {
	t.Helper()
	if err := sealing.SignFleet(spec, "acme", root); err != nil {
		t.Fatal(err)
	}
}

func TestASucceededRootKeyLeadsToTheOneThatSigns(t *testing.T) {
	first, second, third, stranger := newRoot(t), newRoot(t), newRoot(t), newRoot(t)
	spec := lineOf(t, first, second, third)
	for name, pinned := range map[string]*ecdsa.PrivateKey{"first": first, "second": second, "third": third} {
		if err := sealing.VerifyFleet(spec, verifierKey(pinned)); err != nil {
			t.Errorf("pinned to the %s key: %v", name, err)
		}
	}
	if err := sealing.VerifyFleet(spec, verifierKey(stranger)); !errors.Is(err, sealing.ErrSignature) {
		t.Errorf("pinned to a stranger's key: error %v, want ErrSignature", err)
	}
}

// Whoever can push tries every line but the one that the keys' holders signed.
// The fleet is signed by the key that the attack wants to be believed.
func TestASuccessionIsRefused(t *testing.T) {
	first, second, third, stranger := newRoot(t), newRoot(t), newRoot(t), newRoot(t)
	for _, test := range []struct {
		name   string
		change func(*api.FleetSpec)
		signer *ecdsa.PrivateKey
	}{
		{"signed by a stranger", func(s *api.FleetSpec) {
			forged := succeed(t, s, stranger, third, 4)
			forged = strings.Replace(forged, verifierKey(stranger), verifierKey(first), 1)
			s.RootSuccession = []string{forged}
		}, third},
		{"of a stranger's own line", func(s *api.FleetSpec) {
			s.RootSuccession = []string{succeed(t, s, stranger, third,
				4)}
		}, third},
		{"of another fleet", func(s *api.FleetSpec) {
			other := &api.FleetSpec{ID: strings.Repeat("0", 32)}
			s.RootSuccession = []string{succeed(t, other, first, third, 4)}
		}, third},
		{"cut at its beginning", func(s *api.FleetSpec) { s.RootSuccession = s.RootSuccession[1:] }, third},
		{"cut at its end", func(s *api.FleetSpec) { s.RootSuccession = s.RootSuccession[:1] }, third},
		{"cut away", func(s *api.FleetSpec) { s.RootSuccession = nil }, third},
		{"signed by a key that was left", func(*api.FleetSpec) {}, first},
		{"that skips a key", func(s *api.FleetSpec) {
			s.RootSuccession = []string{succeed(t, s, first, second, 4), succeed(t, s, stranger, third, 5)}
		}, third},
		{"that leads back", func(s *api.FleetSpec) {
			s.RootSuccession = append(s.RootSuccession, succeed(t, s, third, first, 9))
		}, first},
		{"with falling serials", func(s *api.FleetSpec) {
			s.RootSuccession = []string{succeed(t, s, first, second, 6), succeed(t, s, second, third, 5)}
		}, third},
		{"with one serial twice", func(s *api.FleetSpec) {
			s.RootSuccession = []string{succeed(t, s, first, second, 6), succeed(t, s, second, third, 6)}
		}, third},
		{"with a serial that is still to come", func(s *api.FleetSpec) {
			s.RootSuccession = []string{succeed(t, s, first, second, 4), succeed(t, s, second, third, 11)}
		}, third},
		{"with serial 0", func(s *api.FleetSpec) { s.RootSuccession = []string{succeed(t, s, first, third, 0)} }, third},
		{"with another new key than was signed", func(s *api.FleetSpec) {
			s.RootSuccession = []string{strings.Replace(succeed(t, s, first, second, 4), verifierKey(second), verifierKey(third),
				1)}
		}, third},
		{"with a second spelling", func(s *api.FleetSpec) {
			s.RootSuccession[0] = strings.Replace(s.RootSuccession[0], "serial 4", "serial 04", 1)
		}, third},
		{"with its signature taken off", func(s *api.FleetSpec) {
			s.RootSuccession[0], _, _ = strings.Cut(s.RootSuccession[0], "\u2014")
		}, third},
		{"that is empty", func(s *api.FleetSpec) { s.RootSuccession[0] = "" }, third},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := lineOf(t, first, second, third)
			test.change(spec)
			sign(t, spec, test.signer)
			if err := sealing.VerifyFleet(spec, verifierKey(first)); !errors.Is(err, sealing.ErrSignature) {
				t.Errorf("error %v, want ErrSignature", err)
			}
		})
	}
}

func TestASuccessionToItselfOrToNothingIsNotSigned(t *testing.T) {
	root := newRoot(t)
	if _, err := sealing.SignSuccession("6f1c", 2, "acme", root, verifierKey(root)); err == nil {
		t.Error("a key succeeded itself")
	}
	if _, err := sealing.SignSuccession("6f1c", 2, "acme", root, "acme+00000000+Ag=="); err == nil {
		t.Error("nothing succeeded a key")
	}
}
