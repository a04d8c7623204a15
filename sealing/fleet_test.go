package sealing_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

func newRoot(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	root, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func signedFleet(t *testing.T, root *ecdsa.PrivateKey) *api.FleetSpec {
	t.Helper()
	spec := &api.FleetSpec{
		ID:     "6f1c0000000000000000000000000001",
		Serial: 3,
		SealingKeys: []api.SealingKey{deriveKey(t, api.SuiteHybrid, "a").Record("2026-11-a"),
			{ID: "2025-11-a", Suite: api.SuiteP256, PublicKey: "age1tag1qqq", Status: api.KeySuperseded}},
		RecoveryRecipients: []string{"age1pq1one", "age1pq1two"},
		LogKey:             "bulla.dev/log/6f1c0000000000000000000000000001+0f1e2d3c+AjBZMBMG",
	}
	if err := sealing.SignFleet(spec, "acme", root); err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestASignedFleetVerifiesUnderItsRootKeyAlone(t *testing.T) {
	root, stranger := newRoot(t), newRoot(t)
	spec := signedFleet(t, root)
	if err := sealing.VerifyFleet(spec, sealing.VerifierKey("acme", &root.PublicKey)); err != nil {
		t.Error(err)
	}
	if err := sealing.VerifyFleet(spec, sealing.VerifierKey("acme", &stranger.PublicKey)); !errors.Is(err,
		sealing.ErrSignature) {
		t.Errorf("a stranger's key: error %v, want ErrSignature", err)
	}
	if err := sealing.VerifyFleet(spec, sealing.VerifierKey("other", &root.PublicKey)); !errors.Is(err,
		sealing.ErrSignature) {
		t.Errorf("another name: error %v, want ErrSignature", err)
	}
}

func TestWhatTheFleetSignatureCovers(t *testing.T) {
	root := newRoot(t)
	key := sealing.VerifierKey("acme", &root.PublicKey)
	changes := map[string]func(*api.FleetSpec){
		"another id":     func(s *api.FleetSpec) { s.ID = strings.Repeat("0", 32) },
		"another serial": func(s *api.FleetSpec) { s.Serial++ },
		"a succession more": func(s *api.FleetSpec) {
			s.RootSuccession = []string{succeed(t, s, root, newRoot(t),
				3)}
		},
		"another key id":        func(s *api.FleetSpec) { s.SealingKeys[0].ID = "x" },
		"another suite":         func(s *api.FleetSpec) { s.SealingKeys[0].Suite = api.SuiteP256 },
		"another status":        func(s *api.FleetSpec) { s.SealingKeys[1].Status = api.KeyActive },
		"another public key":    func(s *api.FleetSpec) { s.SealingKeys[0].PublicKey = "age1tagpq1x" },
		"keys in another order": func(s *api.FleetSpec) { k := s.SealingKeys; k[0], k[1] = k[1], k[0] },
		"one key less":          func(s *api.FleetSpec) { s.SealingKeys = s.SealingKeys[:1] },
		"one recovery key less": func(s *api.FleetSpec) { s.RecoveryRecipients = s.RecoveryRecipients[:1] },
		"one recovery key more": func(s *api.FleetSpec) {
			s.RecoveryRecipients = append(s.RecoveryRecipients,
				"age1pq1x")
		},
		"another log key": func(s *api.FleetSpec) { s.LogKey = "bulla.dev/log/x+00000000+AA==" },
		"no log key":      func(s *api.FleetSpec) { s.LogKey = "" },
		"a key that ends its line": func(s *api.FleetSpec) {
			s.RecoveryRecipients = []string{"age1pq1one\"\nrecovery \"age1pq1two"}
		},
		"no signature": func(s *api.FleetSpec) { s.Signature = "" },
		"no signature line": func(s *api.FleetSpec) {
			s.Signature = s.Signature[:strings.LastIndex(s.Signature,
				"\u2014")]
		},
		"a changed text": func(s *api.FleetSpec) {
			s.Signature = strings.Replace(s.Signature, "age1pq1one",
				"age1pq1own", 1)
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			spec := signedFleet(t, root)
			change(spec)
			if err := sealing.VerifyFleet(spec, key); !errors.Is(err, sealing.ErrSignature) {
				t.Errorf("error %v, want ErrSignature", err)
			}
		})
	}
}

// The form that other tools for signed notes read: C2SP signed-note, type 2.
func TestTheVerifierKeyIsASignedNoteKey(t *testing.T) {
	root := newRoot(t)
	spki, err := x509.MarshalPKIXPublicKey(&root.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(spki)
	want := fmt.Sprintf("acme+%x+%s", sum[:4], base64.StdEncoding.EncodeToString(append([]byte{2}, spki...)))
	if got := sealing.VerifierKey("acme", &root.PublicKey); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

func TestRootKeysThatAreRefused(t *testing.T) {
	root := newRoot(t)
	spec, key := signedFleet(t, root), sealing.VerifierKey("acme", &root.PublicKey)
	for name, bad := range map[string]string{
		"nothing":                    "",
		"no key":                     "acme+00000000+",
		"a wrong hash":               "acme+00000000" + key[strings.LastIndex(key[:15], "+"):],
		"cut short":                  key[:len(key)-4],
		"a hash in another spelling": "acme+0" + key[len("acme+"):],
	} {
		if err := sealing.VerifyFleet(spec, bad); err == nil || errors.Is(err, sealing.ErrSignature) {
			t.Errorf("%s: error %v, want one about the key", name, err)
		}
	}
	larger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := sealing.VerifierKey("acme", &larger.PublicKey); got != "" {
		t.Errorf("a P-384 key became %s", got)
	}
	if got := sealing.VerifierKey("a+b", &root.PublicKey); got != "" {
		t.Errorf("a name with a plus sign became %s", got)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := sealing.SignFleet(spec, "acme", other); err == nil {
		t.Error("an Ed25519 key signed")
	}
}
