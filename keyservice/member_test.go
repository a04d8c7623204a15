package keyservice_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/enrolment"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing"
)

// member is one cluster: its keys, and its client once it enrolled.
type member struct {
	w           *world
	name        string
	key         *ecdsa.PrivateKey
	identity    *age.HybridIdentity
	credentials *client.Credentials
	client      *client.Client
	// log outlives clients: what one saw of the audit log binds the next.
	log *client.Log
}

func newMember(w *world, name string) *member {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		w.t.Fatal(err)
	}
	logKey := sealing.VerifierKey(audit.Origin(w.fleet), w.made.Log)
	return &member{w: w, name: name, key: key, identity: identity, log: client.NewLog(func() string { return logKey }, &auditlog.Memory{})}
}

// dial makes a client that trusts the fleet's audit log as far as it goes.
func (m *member) dial() *client.Client {
	return client.New(m.w.url, m.credentials.Certificate, m.credentials.CA, m.log)
}

// joinToken makes a token as `token create` does.
func (w *world) joinToken(cluster string, ttl time.Duration) protocol.JoinToken {
	w.t.Helper()
	secret, row := enrolment.NewJoinToken(w.fleet, cluster, ttl, time.Now())
	if err := w.rows.Do(w.t.Context(), w.rows.AddJoinToken(row)); err != nil {
		w.t.Fatal(err)
	}
	return protocol.JoinToken{Fleet: w.fleet, Cluster: cluster, Secret: secret,
		CAHash: protocol.SPKIHash(w.service.Authority()), RootKey: w.rootKey, URL: w.url}
}

func (m *member) options(token protocol.JoinToken) client.EnrollOptions {
	return client.EnrollOptions{Token: token, Key: m.key, Identity: m.identity, Recipient: m.identity.Recipient().String()}
}

// join enrols a new cluster.
func (w *world) join(name string) *member {
	w.t.Helper()
	m := newMember(w, name)
	credentials, err := client.Enroll(w.t.Context(), m.options(w.joinToken(name, time.Hour)))
	if err != nil {
		w.t.Fatal(err)
	}
	m.credentials = credentials
	m.client = m.dial()
	w.t.Cleanup(m.client.Close)
	return m
}

func (m *member) spki() string {
	hash, err := protocol.PublicKeyHash(m.key.Public())
	if err != nil {
		m.w.t.Fatal(err)
	}
	return hash
}

// file is the Cluster file, in the sets named.
func (m *member) file(change func(*api.Cluster), sets ...string) string {
	c := api.Cluster{TypeMeta: kindOf("Cluster"),
		Metadata: api.Metadata{Name: m.name, Labels: map[string]string{}},
		Spec:     api.ClusterSpec{Identity: m.spki(), Recipient: m.identity.Recipient().String()}}
	for _, set := range sets {
		c.Metadata.Labels["set"] = set
	}
	if change != nil {
		change(&c)
	}
	return marshal(m.w.t, c)
}

func (m *member) path() string { return "clusters/" + m.name + ".yaml" }

// unseal asks for one digest.
func (m *member) unseal(revision, digest string) (*client.Answers, client.Result) {
	m.w.t.Helper()
	answers, err := m.client.Unseal(m.w.t.Context(), revision, []string{digest})
	if err != nil {
		m.w.t.Fatal(err)
	}
	return answers, answers.Results[digest]
}

// open opens an answer as the controller does, and returns the values.
func (m *member) open(file string, namespace, name string, result client.Result) map[string]string {
	m.w.t.Helper()
	manifest, err := api.ParseSealedManifest("stub.yaml", []byte(file))
	if err != nil {
		m.w.t.Fatal(err)
	}
	values := map[string]string{}
	for i, block := range manifest.Spec.Blocks {
		payload, err := sealing.ParsePayload(block.Payload)
		if err != nil {
			m.w.t.Fatal(err)
		}
		fileKey, err := sealing.OpenStanza(m.identity, result.Stanzas[i])
		if err != nil {
			m.w.t.Fatal(err)
		}
		c, err := sealing.ContextOf(m.w.fleet, manifest, i, namespace, name)
		if err != nil {
			m.w.t.Fatal(err)
		}
		opened, err := payload.Open(c, fileKey)
		if err != nil {
			m.w.t.Fatal(err)
		}
		for pointer, value := range opened {
			values[pointer] = value
		}
	}
	return values
}

// logBuffer keeps the service's log.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// fixture is a fleet of two clusters with an application on the first.
type fixture struct {
	*world
	eu, us *member
	file   string
	digest string
	head   string
}

const canary = "s3cr3t-canary-value"

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureIn(newWorld(t))
}

func newFixtureIn(w *world) *fixture {
	w.t.Helper()
	f := &fixture{world: w}
	f.eu, f.us = f.join("prod-eu"), f.join("prod-us")
	f.file, f.digest = f.seal(stub{namespace: "payments", name: "db", values: map[string]string{"/data/password": canary, "/data/user": "app"}})
	f.head = f.commit(map[string]string{
		f.eu.path(): f.eu.file(nil, "all"), f.us.path(): f.us.file(nil, "all"),
		"placements/payments.yaml": placementFile("payments", "payments", "cluster/prod-eu"),
		"apps/payments/db.yaml":    f.file,
	})
	return f
}

func (f *fixture) String() string { return fmt.Sprintf("fleet %s", f.fleet) }
