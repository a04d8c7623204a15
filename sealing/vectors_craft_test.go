package sealing_test

import (
	"bytes"
	"crypto/hpke"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/cryptotest"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/sealing"
)

// recipe says how a vector differs from what an honest sealer makes. Changes
// to header, plaintext, file and armor come before the locks are sealed, so
// that each vector fails at one check: an attacker may seal too.
type recipe struct {
	description string
	class       string
	tokenCalls  int64
	path        string
	lock        int
	suite       api.Suite

	context   func(*sealing.Context)          // what is sealed for
	values    map[string]string               // instead of the usual ones
	header    func(*age.Stanza) []*age.Stanza // the stanzas before the recovery one
	recovery  func(*age.Stanza) []*age.Stanza // the recovery stanza
	plaintext string                          // instead of canonical JSON
	file      func([]byte) []byte             // the age file
	armor     func(string) string             // its text
	inner     func([]byte) []byte             // the secret inside the lock
	locks     func([]api.Lock)                // the finished locks
	block     func(block, other *api.Block)   // the finished block; other is an honest one
	opened    func(*sealing.Context)          // the context that it is opened in
	opener    func(*vector)                   // who opens it
}

// crafted is a recipient that writes the stanzas it is told to.
type crafted struct {
	recipient age.Recipient
	change    func(*age.Stanza) []*age.Stanza
}

func (c crafted) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, err := c.recipient.Wrap(fileKey)
	if err != nil || c.change == nil {
		return stanzas, err
	}
	return c.change(stanzas[0]), nil
}

func (r recipe) make(t *testing.T, name string) vector {
	t.Helper()
	// The same bytes on every run with one Go release; nothing depends on it
	// but the size of a diff.
	seed := fnv.New64a()
	seed.Write([]byte(name))
	cryptotest.SetGlobalRandom(t, seed.Sum64())
	if r.suite == "" {
		r.suite = api.SuiteP256
	}
	v := vector{
		Description: r.description, Class: r.class, TokenCalls: r.tokenCalls, Path: r.path, Suite: r.suite,
		KeyID: keyID, KeyLabel: "bulla vector key", Cluster: "bulla vector cluster", Recovery: "bulla vector recovery",
		Lock: r.lock,
	}
	c := testContext()
	if r.context != nil {
		r.context(&c)
	}
	v.Block = r.seal(t, v, c)
	if r.block != nil {
		other := recipe{suite: r.suite}.seal(t, v, c)
		r.block(&v.Block, &other)
	}
	if r.opened != nil {
		r.opened(&c)
	}
	if r.opener != nil {
		r.opener(&v)
	}
	v.PublicKey = deriveKey(t, v.Suite, v.KeyLabel).Public.String()
	v.Context = vectorContext{c.Fleet, c.Scope, c.Group, c.Kind, c.Namespace, c.Name, c.Fields}
	if r.class == classOK {
		v.Derived = v.derive(t)
		v.Values = r.valuesFor(c)
	}
	return v
}

func (r recipe) valuesFor(c sealing.Context) map[string]string {
	if r.values != nil {
		return r.values
	}
	values := testValues()
	for field := range values {
		if !slices.Contains(c.Fields, field) {
			delete(values, field)
		}
	}
	return values
}

func (r recipe) seal(t *testing.T, v vector, c sealing.Context) api.Block {
	t.Helper()
	lock := sealing.NewLockRecipient(c.Digest(), false)
	recovery := hybridRecipient(t, newIdentity(t, v.Recovery))
	payload := r.sealPayload(t, c, crafted{lock, r.header}, crafted{recovery, r.recovery})
	block := api.Block{Fields: c.Fields, Payload: payload}
	key := deriveKey(t, r.suite, v.KeyLabel)
	for _, kind := range []sealing.TargetKind{sealing.Set, sealing.Cluster} {
		target := sealing.Target{Kind: kind,
			Name: map[sealing.TargetKind]string{sealing.Set: "retail", sealing.Cluster: "prod-eu"}[kind]}
		inner := slices.Clone(lock.FileKey())
		if kind == sealing.Cluster {
			stanza, err := sealing.WrapFor(hybridRecipient(t, newIdentity(t, v.Cluster)), inner)
			if err != nil {
				t.Fatal(err)
			}
			inner = stanza.Marshal()
		}
		if r.inner != nil {
			inner = r.inner(inner)
		}
		ciphertext, err := hpke.Seal(key.Public.HPKE(), hpke.HKDFSHA256(), hpke.AES256GCM(),
			sealing.LockInfo(c, target, hashOf(payload)), inner)
		if err != nil {
			t.Fatal(err)
		}
		block.Locks = append(block.Locks,
			api.Lock{Target: target.String(), Key: v.KeyID, Ciphertext: base64.StdEncoding.EncodeToString(ciphertext)})
	}
	if r.locks != nil {
		r.locks(block.Locks)
	}
	return block
}

func (r recipe) sealPayload(t *testing.T, c sealing.Context, recipients ...age.Recipient) string {
	t.Helper()
	plaintext := []byte(r.plaintext)
	if r.plaintext == "" {
		var err error
		if plaintext, err = sealing.EncodeValues(r.valuesFor(c)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	writer, err := age.Encrypt(&file, recipients...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(plaintext); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	raw := file.Bytes()
	if r.file != nil {
		raw = r.file(raw)
	}
	armored, err := sealing.EncodeArmor(raw)
	if err != nil {
		t.Fatal(err)
	}
	if r.armor != nil {
		armored = r.armor(armored)
	}
	return armored
}

func writeVectors(t *testing.T) {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(vectorDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range recipes() {
		if r.path == "" {
			r.path = pathLock
		}
		data, err := json.MarshalIndent(r.make(t, name), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(vectorDir, name+".json"), append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
