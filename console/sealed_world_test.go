package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/logbook"
	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
)

// logged is said with an audit log of fixtures/auditlog. It stands in for the connection
// alone: answers are verified here as [client.Admin] verifies them, by their proofs.
type logged struct {
	said

	fleet  string
	log    *auditlog.Log
	refuse error
	forged bool
	stored map[string][]byte
	// roles are what the person has; refusePut refuses what they put, and was is how often
	// that was asked.
	roles     []string
	refusePut error
	puts      int
}

func (l *logged) Describe(context.Context) (*keyservicev1.DescribeResponse, error) {
	return &keyservicev1.DescribeResponse{Roles: l.roles}, l.refuse
}

func (l *logged) PutStub(_ context.Context, data []byte) (digest string, was bool, err error) {
	if l.puts++; l.refusePut != nil {
		return "", false, l.refusePut
	}
	if l.stored == nil {
		l.stored = map[string][]byte{}
	}
	digest = api.StubDigest(data)
	_, was = l.stored[digest]
	l.stored[digest] = data
	return digest, was, nil
}

func (l *logged) GetStub(_ context.Context, digest string) ([]byte, error) {
	if data, ok := l.stored[digest]; ok {
		return data, nil
	}
	return nil, &client.DeniedError{Reason: keyservicev1.ReasonNoStub}
}

func (l *logged) ReadAudit(
	_ context.Context, _ *client.Log, in *keyservicev1.ListAuditRequest,
) (*client.AuditPage, error) {
	if l.refuse != nil {
		return nil, l.refuse
	}
	if l.forged {
		return nil, &client.LogError{Err: errors.New("entry 1 is not in the log")}
	}
	service := &auditlog.Service{}
	service.Use(l.log)
	out, err := service.ListAudit(context.Background(), in)
	if err != nil {
		return nil, err
	}
	page := &client.AuditPage{Next: int64(out.GetNext()), Checkpoint: l.log.At(l.log.Size())}
	for _, one := range out.GetEntries() {
		e := client.AuditEntry{Index: int64(one.GetIndex()), Leaf: one.GetEntry()}
		if err := audit.CheckInclusion(page.Checkpoint, e.Index, e.Leaf, one.GetProof()); err != nil {
			return nil, &client.LogError{Err: err}
		}
		if e.Entry, err = audit.ParseEntry(e.Leaf); err != nil {
			return nil, err
		}
		page.Entries = append(page.Entries, e)
	}
	return page, nil
}

// sealedWorld is a fleet of two clusters whose one secret opens, with an audit log.
type sealedWorld struct {
	*world

	root    *testfleet.Root
	spec    api.FleetSpec
	sealer  testfleet.Sealer
	service *logged
	digest  string
}

const dbFile = "apps/app/db.yaml"

func newSealedWorld(t *testing.T) *sealedWorld {
	t.Helper()
	root := testfleet.NewRoot(t)
	log := auditlog.New(t, root.ID)
	w := &sealedWorld{root: root, service: &logged{fleet: root.ID, log: log}}
	w.spec = root.Spec(1)
	w.spec.LogKey = log.VerifierKey()
	file := root.File(t, &w.spec)
	w.sealer = testfleet.SealerOf(t, &w.spec)
	files := testfleet.Two().With(testfleet.Files{
		"fleet.yaml":           file,
		"clusters/one.yaml":    clusterFile(t, "one"),
		"clusters/eu/two.yaml": clusterFile(t, "two"),
		dbFile:                 w.stub(t, map[string]string{"user": "ann", "password": "a"}),
		"apps/app/api.yaml":    deployment,
	})
	w.world = newWorld(t, files)
	w.console.rootKey = func(f *api.Fleet) (string, error) {
		return root.Key, sealing.VerifyFleet(&f.Spec, root.Key)
	}
	w.console.books = logbook.New(w.console.rootKey, nil)
	w.person = Person{Name: "Ann", Service: w.service}
	w.service.ledger = &keyservicev1.ListLedgerResponse{Time: time.Now().UnixMicro()}
	w.digest = api.StubDigest([]byte(files[dbFile]))
	return w
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: api, image: example/api:1, envFrom: [{secretRef: {name: db}}]}]}
`

func clusterFile(t *testing.T, name string) string {
	t.Helper()
	identity, err := softkey.NewIdentity(name)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(name))
	return testfleet.ClusterOf(name, "sha256:"+hex.EncodeToString(sum[:]), identity.Recipient())
}

// stub seals db for the stores; the password is made by a program.
func (w *sealedWorld) stub(t *testing.T, values map[string]string) string {
	t.Helper()
	data, err := w.sealer.File(testfleet.Secret{Name: "db", BuiltNamespace: "app", Targets: []string{"set/stores"},
		Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(data), "metadata:\n",
		"metadata:\n  annotations: {bulla.dev/generate: \"password=32,alnum\"}\n", 1)
}

func (w *sealedWorld) granted(cluster string, at time.Time, more ...func(*audit.Entry)) {
	head := w.repo.Git(w.t, "rev-parse", "HEAD")
	e := audit.Entry{Time: at.UTC().Truncate(time.Microsecond), Kind: audit.Unseal, Outcome: "Granted", Fleet: w.root.ID,
		Cluster: cluster, Placement: "app", Object: "app/db", Digest: w.digest, Head: head,
		Keys: []string{w.spec.SealingKeys[0].ID}, Targets: []string{"set/stores"}}
	for _, f := range more {
		f(&e)
	}
	w.service.log.Record(e)
}
