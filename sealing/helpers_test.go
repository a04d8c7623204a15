package sealing_test

import (
	"encoding/base64"
	"testing"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/sealing"
)

const keyID = "2026-11-a"

var suites = []api.Suite{api.SuiteP256, api.SuiteHybrid}

// world is one fleet: a sealing key in software, a cluster, a recovery key.
type world struct {
	suite    api.Suite
	key      softkey.Key
	opener   *softkey.Opener
	cluster  *softkey.Identity
	recovery *softkey.Identity
	sealer   *sealing.Sealer
}

func newWorld(t testing.TB, suite api.Suite) *world {
	t.Helper()
	key, err := softkey.Derive(suite, "test sealing key")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		suite: suite, key: key,
		opener:  softkey.NewOpener(map[string]softkey.Key{keyID: key}),
		cluster: newIdentity(t, "test cluster"), recovery: newIdentity(t, "test recovery"),
	}
	w.sealer, err = sealing.NewSealer(key.Record(keyID), []string{w.recovery.Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newIdentity(t testing.TB, label string) *softkey.Identity {
	t.Helper()
	identity, err := softkey.NewIdentity(label)
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func testContext() sealing.Context {
	return sealing.Context{
		Fleet: "6f1c0000000000000000000000000001", Scope: api.ScopeStrict, Kind: "Secret",
		Namespace: "payments", Name: "payments-db", Fields: []string{"/data/password", "/data/user"},
	}
}

func testValues() map[string]string {
	return map[string]string{
		"/data/password": base64.StdEncoding.EncodeToString([]byte("correct horse battery staple")),
		"/data/user":     base64.StdEncoding.EncodeToString([]byte("payments")),
	}
}

// targets are a set lock and a two-lock.
func (w *world) targets() []sealing.LockTarget {
	return []sealing.LockTarget{
		{Target: sealing.Target{Kind: sealing.Set, Name: "retail"}},
		{Target: sealing.Target{Kind: sealing.Cluster, Name: "prod-eu"}, Recipient: w.cluster.Recipient()},
	}
}

func (w *world) seal(t testing.TB) *api.Block {
	t.Helper()
	block, err := w.sealer.Seal(testContext(), testValues(), w.targets())
	if err != nil {
		t.Fatal(err)
	}
	return &block
}

// open goes the whole way: key service, then cluster.
func (w *world) open(t testing.TB, c sealing.Context, block *api.Block, lock api.Lock) (map[string]string, error) {
	t.Helper()
	stanza, err := softkey.Unlock(t.Context(), w.opener, c, block, lock, w.suite, w.cluster.Recipient())
	if err != nil {
		return nil, err
	}
	fileKey, err := sealing.OpenStanza(w.cluster, stanza)
	if err != nil {
		return nil, err
	}
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		return nil, err
	}
	return payload.Open(c, fileKey)
}

// openRecovery opens with the recovery key alone.
func (w *world) openRecovery(c sealing.Context, block *api.Block) (map[string]string, error) {
	payload, err := sealing.ParsePayload(block.Payload)
	if err != nil {
		return nil, err
	}
	return payload.OpenWith(c, w.recovery)
}

func hybridRecipient(t testing.TB, identity *softkey.Identity) *age.HybridRecipient {
	t.Helper()
	recipient, err := age.ParseHybridRecipient(identity.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	return recipient
}

func deriveKey(t testing.TB, suite api.Suite, label string) softkey.Key {
	t.Helper()
	key, err := softkey.Derive(suite, label)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ptr[T any](v T) *T { return &v }
