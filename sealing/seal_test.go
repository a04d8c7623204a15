package sealing_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/google/go-cmp/cmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

func TestASealedBlockOpensThroughEveryLock(t *testing.T) {
	for _, suite := range suites {
		w := newWorld(t, suite)
		block := w.seal(t)
		if len(block.Locks) != 2 {
			t.Fatalf("%s: %d locks, want 2", suite, len(block.Locks))
		}
		for _, lock := range block.Locks {
			got, err := w.open(t, testContext(), block, lock)
			if err != nil {
				t.Fatalf("%s, %s: %v", suite, lock.Target, err)
			}
			if diff := cmp.Diff(testValues(), got); diff != "" {
				t.Errorf("%s, %s: %s", suite, lock.Target, diff)
			}
		}
		got, err := w.openRecovery(testContext(), block)
		if err != nil {
			t.Fatalf("%s, recovery: %v", suite, err)
		}
		if diff := cmp.Diff(testValues(), got); diff != "" {
			t.Errorf("%s, recovery: %s", suite, diff)
		}
	}
}

func TestTheKeyServiceAloneDoesNotOpenATwoLock(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	block := w.seal(t)
	// Another cluster asks, and the key service wrongly serves it.
	other := newIdentity(t, "another cluster")
	stanza, err := softkey.Unlock(t.Context(), w.opener, testContext(), block, block.Locks[1], w.suite, other.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealing.OpenStanza(other, stanza); !errors.Is(err, sealing.ErrOpen) {
		t.Errorf("another cluster's identity got error %v, want ErrOpen", err)
	}
	if _, err := sealing.OpenStanza(w.cluster, stanza); err != nil {
		t.Errorf("the cluster's own identity: %v", err)
	}
}

func TestStockAgeOpensAPayloadWithARecoveryKey(t *testing.T) {
	for _, suite := range suites {
		w := newWorld(t, suite)
		identity, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		sealer, err := sealing.NewSealer(w.key.Record(keyID), []string{w.recovery.Recipient(), identity.Recipient().String()})
		if err != nil {
			t.Fatal(err)
		}
		block, err := sealer.Seal(testContext(), testValues(), w.targets())
		if err != nil {
			t.Fatal(err)
		}
		reader, err := age.Decrypt(armor.NewReader(strings.NewReader(block.Payload)), identity)
		if err != nil {
			t.Fatalf("%s: stock age: %v", suite, err)
		}
		plaintext, err := io.ReadAll(reader)
		if err != nil {
			t.Fatalf("%s: stock age: %v", suite, err)
		}
		var got map[string]string
		if err := json.Unmarshal(plaintext, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(testValues(), got); diff != "" {
			t.Errorf("%s: %s", suite, diff)
		}
	}
}

func TestAClassicRecoveryKeyFitsTheClassicSuiteOnly(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recovery := []string{identity.Recipient().String()}
	if _, err := sealing.NewSealer(newWorld(t, api.SuiteHybrid).key.Record(keyID), recovery); err == nil {
		t.Error("the hybrid suite took a classic recovery key")
	}
	w := newWorld(t, api.SuiteP256)
	sealer, err := sealing.NewSealer(w.key.Record(keyID), append(recovery, w.recovery.Recipient()))
	if err != nil {
		t.Fatal(err)
	}
	block, err := sealer.Seal(testContext(), testValues(), w.targets())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]age.Identity{"classic": identity, "post-quantum": w.recovery} {
		if _, err := payload.OpenWith(testContext(), id); err != nil {
			t.Errorf("%s recovery key: %v", name, err)
		}
	}
}

// A hybrid lock in age's own eyes: a classic recipient that went past our
// check would still be refused by age.
func TestTheLockRecipientCarriesThePostQuantumLabel(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	lock := sealing.NewLockRecipient([32]byte{}, true)
	if _, err := age.Encrypt(io.Discard, lock, identity.Recipient()); err == nil {
		t.Error("age mixed a hybrid lock with a classic recipient")
	}
	if _, err := age.Encrypt(io.Discard, lock, hybridRecipient(t, newIdentity(t, "x"))); err != nil {
		t.Errorf("age refused a post-quantum recipient: %v", err)
	}
}

func TestOpenWithTellsAWrongRecoveryKeyFromAWrongPlace(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	payload, err := sealing.ParsePayload(w.seal(t).Payload)
	if err != nil {
		t.Fatal(err)
	}
	_, err = payload.OpenWith(testContext(), newIdentity(t, "a stranger"))
	if match := new(age.NoIdentityMatchError); !errors.As(err, &match) {
		t.Errorf("a stranger's key: error %v, want NoIdentityMatchError", err)
	}
	elsewhere := testContext()
	elsewhere.Namespace = "shop"
	if _, err := payload.OpenWith(elsewhere, w.recovery); !errors.Is(err, sealing.ErrOpen) {
		t.Errorf("another namespace: error %v, want ErrOpen", err)
	}
	ids := []age.Identity{w.recovery, newIdentity(t, "a stranger")}
	want := append([]age.Identity(nil), ids...)
	if _, err := payload.OpenWith(testContext(), ids...); err != nil {
		t.Error(err)
	}
	for i := range ids {
		if ids[i] != want[i] {
			t.Error("OpenWith reordered the caller's identities")
		}
	}
}

func TestSealRefuses(t *testing.T) {
	w := newWorld(t, api.SuiteHybrid)
	set := w.targets()[:1]
	type request struct {
		sealer  sealing.Sealer
		context sealing.Context
		values  map[string]string
		targets []sealing.LockTarget
	}
	tests := map[string]func(*request){
		"a superseded key":                  func(r *request) { r.sealer.Key.Status = api.KeySuperseded },
		"a key of the other suite":          func(r *request) { r.sealer.Key.Suite = api.SuiteP256 },
		"a public key that is none":         func(r *request) { r.sealer.Key.PublicKey = "age1tagpq1qqqq" },
		"a recovery recipient that is none": func(r *request) { r.sealer.Recovery = []string{"age1pq1qqqq"} },
		"no targets":                        func(r *request) { r.targets = nil },
		"a target twice":                    func(r *request) { r.targets = append(set[:1:1], set[0]) },
		"a set with a recipient":            func(r *request) { r.targets[0].Recipient = w.cluster.Recipient() },
		"a target of no kind":               func(r *request) { r.targets[0].Kind = "fleet" },
		"a two-lock without a recipient":    func(r *request) { r.targets = w.targets(); r.targets[1].Recipient = "" },
		"a two-lock to a classic recipient": func(r *request) {
			r.targets = w.targets()
			r.targets[1].Recipient = "age1qqqq"
		},
		"a two-lock without a recovery key": func(r *request) { r.targets = w.targets(); r.sealer.Recovery = nil },
		"a value that is not a field":       func(r *request) { r.values["/data/extra"] = "" },
		"a field without a value":           func(r *request) { delete(r.values, "/data/user") },
		"a value that is not base64":        func(r *request) { r.values["/data/user"] = "not base64" },
		"a value in unpadded base64":        func(r *request) { r.values["/data/user"] = "YQ" },
		"a value with stray trailing bits":  func(r *request) { r.values["/data/user"] = "YR==" },
		"a value with a line end":           func(r *request) { r.values["/data/user"] = "YWJj\nYWJj" },
		"no fleet":                          func(r *request) { r.context.Fleet = "" },
		"no fields":                         func(r *request) { r.context.Fields = nil; r.values = nil },
		"fields that are not sorted":        func(r *request) { r.context.Fields = []string{"/data/user", "/data/password"} },
		"a scope that is not known":         func(r *request) { r.context.Scope = "Cluster" },
		"scope Strict without a name":       func(r *request) { r.context.Name = "" },
		"scope Namespace with a name":       func(r *request) { r.context.Scope = api.ScopeNamespace },
		"scope Fleet with a namespace":      func(r *request) { r.context.Scope = api.ScopeFleet; r.context.Name = "" },
		"a recipient in a second spelling": func(r *request) {
			r.targets = w.targets()
			r.targets[1].Recipient = strings.ToUpper(r.targets[1].Recipient)
		},
		"a public key in a second spelling": func(r *request) {
			r.sealer.Key.PublicKey = strings.ToUpper(r.sealer.Key.PublicKey)
		},
		"a public key with a damaged character": func(r *request) { r.sealer.Key.PublicKey = damage(r.sealer.Key.PublicKey) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			r := &request{sealer: *w.sealer, context: testContext(), values: testValues(),
				targets: append([]sealing.LockTarget(nil), set...)}
			change(r)
			block, err := r.sealer.Seal(r.context, r.values, r.targets)
			if err == nil {
				t.Fatalf("sealed: %+v", block)
			}
			for _, value := range testValues() {
				if strings.Contains(err.Error(), value) {
					t.Errorf("the error holds a value: %v", err)
				}
			}
		})
	}
}

func damage(text string) string {
	raw := []byte(text)
	i := len(raw) - 10
	raw[i] = map[bool]byte{true: 'p', false: 'q'}[raw[i] == 'q']
	return string(raw)
}

func TestEveryBlockHasAFreshFileKey(t *testing.T) {
	w := newWorld(t, api.SuiteP256)
	seen := map[string]bool{}
	for range 3 {
		block := w.seal(t)
		stanza, err := softkey.Unlock(t.Context(), w.opener, testContext(), block, block.Locks[0], w.suite,
			w.cluster.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		fileKey, err := sealing.OpenStanza(w.cluster, stanza)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(fileKey)] || bytes.Equal(fileKey, make([]byte, len(fileKey))) {
			t.Fatal("a file key was used before, or was cleared before it was used")
		}
		seen[string(fileKey)] = true
	}
}
