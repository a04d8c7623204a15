package keyservice_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bulla-dev/bulla/fixtures/auditlog"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/sealing"
)

// A fleet.yaml that does not name the token's log key is accepted, because what
// it revokes is revoked; no cluster uses an answer under it, and readiness says
// why.
func TestAServiceWithAnotherLogKeyThanTheFleetsIsNotReady(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	if ready := f.get("/readyz"); !strings.Contains(ready, "ok: log key") {
		t.Fatalf("readiness says\n%s", ready)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[string]string{
		"not ready: log key: fleet.yaml has no spec.logKey":                "",
		"not ready: log key: spec.logKey in fleet.yaml is not the token's": sealing.VerifierKey(audit.Origin(f.fleet), &stranger.PublicKey),
	} {
		f.logKey = &key
		f.head = f.commit(map[string]string{"fleet.yaml": f.fleetFile(f.made.Key)})
		f.settle(f.head)
		f.eventually(want, func() bool { return strings.Contains(f.get("/readyz"), want) })
		eu := f.eu
		eu.log = client.NewLog(func() string { return key }, &auditlog.Memory{})
		c := eu.dial()
		if _, err := c.Unseal(t.Context(), f.head, []string{f.digest}); !errors.As(err, new(*client.LogError)) {
			t.Errorf("%s: the cluster's error is %v, want a LogError", want, err)
		}
		c.Close()
	}
}

// An auditor reads everything, and it is the log that the checkpoint is over.
func TestWhatAnAuditorReadsIsTheWholeLog(t *testing.T) {
	f := newFixture(t)
	auditor := f.person("carol", config.RoleAuditor)
	for range 3 {
		f.eu.unseal(f.head, f.digest)
	}
	log := client.NewLog(func() string { return sealing.VerifierKey(audit.Origin(f.fleet), f.made.Log) }, &auditlog.Memory{})
	var tree audit.Tree
	granted := 0
	for from := int64(0); ; {
		page, err := auditor.admin.ReadAudit(t.Context(), log, &keyservicev1.ListAuditRequest{From: uint64(from), Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			tree.Add(tlog.RecordHash(e.Leaf))
			if e.Entry.Kind == audit.Unseal && e.Entry.Outcome == "Granted" && e.Entry.Digest == f.digest && e.Entry.Cluster == "prod-eu" {
				granted++
			}
		}
		if from = page.Next; from != 0 {
			continue
		}
		if tree.Size() != page.Checkpoint.Size || tree.Root() != page.Checkpoint.Root {
			t.Errorf("%d entries, and the checkpoint is over %d", tree.Size(), page.Checkpoint.Size)
		}
		break
	}
	if granted != 3 {
		t.Errorf("%d grants are recorded, want 3", granted)
	}
	page, err := auditor.admin.ReadAudit(t.Context(), log, &keyservicev1.ListAuditRequest{Person: "carol"})
	if err != nil || len(page.Entries) == 0 {
		t.Errorf("the auditor's own reading is not recorded: %d entries, %v", len(page.Entries), err)
	}
}
