package keyservice_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const (
	unknown       = keyservicev1.SecretState_SECRET_STATE_UNSPECIFIED
	configured    = keyservicev1.SecretState_SECRET_STATE_CONFIGURED
	provisioned   = keyservicev1.SecretState_SECRET_STATE_PROVISIONED
	inUse         = keyservicev1.SecretState_SECRET_STATE_IN_USE
	deprovisioned = keyservicev1.SecretState_SECRET_STATE_DEPROVISIONED
)

// said is a report of one secret of the fixture.
func (f *fixture) said(state keyservicev1.SecretState, workloads ...string) *keyservicev1.SecretReport {
	return &keyservicev1.SecretReport{Placement: "payments", Namespace: "payments", Name: "db", Digest: f.digest, State: state, Workloads: workloads}
}

func (m *member) report(t testing.TB, complete bool, secrets ...*keyservicev1.SecretReport) (wanted bool) {
	t.Helper()
	wanted, err := m.client.Report(t.Context(), &keyservicev1.ReportRequest{Head: strings.Repeat("a", 40), Secrets: secrets, Complete: complete})
	if err != nil {
		t.Fatal(err)
	}
	return wanted
}

// ledger is what a person sees, by cluster.
func (p *somebody) ledger(t testing.TB, in *keyservicev1.ListLedgerRequest) map[string]*keyservicev1.LedgerCluster {
	t.Helper()
	out, err := p.admin.ListLedger(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]*keyservicev1.LedgerCluster{}
	for _, cluster := range out.GetClusters() {
		by[cluster.GetCluster()] = cluster
	}
	return by
}

// atHead waits until the service stands at the newest head and noted who is in
// the fleet.
func (f *fixture) atHead(head string) {
	f.t.Helper()
	f.eventually("the head is accepted", func() bool {
		// Reports do not make the service look; an unseal does, refused or not.
		_, _ = f.us.client.Unseal(f.t.Context(), head, []string{f.digest})
		return strings.Contains(f.logs.String(), `"msg":"accepted head","head":"`+head)
	})
}

func TestTheLedgerFollowsASecretThroughItsLife(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	dev := f.person("dev", config.RoleDeveloper)
	one := func() *keyservicev1.LedgerSecret {
		t.Helper()
		clusters := dev.ledger(t, &keyservicev1.ListLedgerRequest{})
		if len(clusters) != 2 || len(clusters["prod-us"].GetSecrets()) != 0 || len(clusters["prod-eu"].GetSecrets()) != 1 {
			t.Fatalf("clusters: %v", clusters)
		}
		return clusters["prod-eu"].GetSecrets()[0]
	}
	ignore := protocmp.IgnoreFields(&keyservicev1.LedgerSecret{}, "since", "reported")
	check := func(what string, want *keyservicev1.LedgerSecret) {
		t.Helper()
		got := one()
		if diff := cmp.Diff(want, got, protocmp.Transform(), ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if got.GetSince() == 0 || (got.GetReported() == 0) != (got.GetSecret().GetState() == configured) {
			t.Errorf("%s: since %d, reported %d", what, got.GetSince(), got.GetReported())
		}
	}
	said := func(state keyservicev1.SecretState, workloads ...string) *keyservicev1.LedgerSecret {
		return &keyservicev1.LedgerSecret{Secret: f.said(state, workloads...), PlacedDigest: f.digest}
	}
	nothing := said(configured)
	nothing.Secret.Digest = ""
	check("placed, and nothing said", nothing)

	if !f.eu.report(t, false, f.said(provisioned)) {
		t.Error("a complete report is not wanted at first")
	}
	if f.eu.report(t, true, f.said(provisioned)) {
		t.Error("a complete report is wanted after one")
	}
	check("provisioned", said(provisioned))
	f.eu.report(t, false, f.said(inUse, "Deployment/worker", "Deployment/api", "Deployment/api"))
	check("in use", said(inUse, "Deployment/api", "Deployment/worker"))
	f.eu.report(t, false)
	check("a sign of life", said(inUse, "Deployment/api", "Deployment/worker"))

	// Git moves on: what stands is outdated until it is reported anew.
	file, digest := f.seal(stub{namespace: "payments", name: "db", values: map[string]string{"/data/password": "another"}})
	f.atHead(f.commit(map[string]string{"apps/payments/db.yaml": file}))
	outdated := said(inUse, "Deployment/api", "Deployment/worker")
	outdated.PlacedDigest = digest
	check("outdated", outdated)

	f.atHead(f.commit(map[string]string{"placements/payments.yaml": ""}))
	f.eu.report(t, false, f.said(deprovisioned))
	gone := said(deprovisioned)
	gone.PlacedDigest = ""
	check("confirmed absent", gone)

	// Placed again: what was said of it is history.
	f.atHead(f.commit(map[string]string{"placements/payments.yaml": placementFile("payments", "payments", "cluster/prod-eu")}))
	nothing.PlacedDigest = digest
	check("placed again", nothing)

	for name, in := range map[string]*keyservicev1.ListLedgerRequest{
		"another placement": {Placement: "billing"}, "another object": {Object: "payments/api"}, "another cluster": {Cluster: "prod-us"},
	} {
		if got := dev.ledger(t, in)["prod-eu"].GetSecrets(); len(got) != 0 {
			t.Errorf("filter %s: %v", name, got)
		}
	}
	if got := dev.ledger(t, &keyservicev1.ListLedgerRequest{Cluster: "prod-eu", Placement: "payments", Object: "payments/db"}); len(got) != 1 || len(got["prod-eu"].GetSecrets()) != 1 {
		t.Errorf("all filters: %v", got)
	}
}

// TestARemovedClusterReportsAndNothingElse, for a bounded time, with the key that
// its file had.
func TestARemovedClusterReportsAndNothingElse(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	dev := f.person("dev", config.RoleDeveloper, config.RoleOperator, config.RoleAuditor)
	f.eu.report(t, true, f.said(inUse, "Deployment/api"))
	again := f.join("prod-eu") // enrolled with a key that no file ever named
	f.atHead(f.commit(map[string]string{f.eu.path(): ""}))
	f.eventually("it is noted", func() bool { return dev.ledger(t, &keyservicev1.ListLedgerRequest{})["prod-eu"].GetLeft() != 0 })
	if dev.ledger(t, &keyservicev1.ListLedgerRequest{})["prod-eu"].GetMember() {
		t.Error("it is still a member")
	}

	f.eu.report(t, false, f.said(deprovisioned))
	if got := dev.ledger(t, &keyservicev1.ListLedgerRequest{})["prod-eu"].GetSecrets(); len(got) != 1 || got[0].GetSecret().GetState() != deprovisioned {
		t.Errorf("its report: %v", got)
	}
	before := f.operations()
	_, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
	wantDenied(t, err, keyservicev1.ReasonNotInFleet)
	_, err = f.eu.client.Renew(t.Context())
	wantDenied(t, err, keyservicev1.ReasonNotInFleet)
	for _, route := range keyservice.Routes() {
		if route.Auth != keyservice.AuthPerson {
			continue
		}
		if status, text := postAs(f.world, f.eu.credentials.Certificate, route.Path); status == 200 {
			t.Errorf("%s: %s", route.Path, text)
		}
	}
	if f.operations() != before {
		t.Error("the token was used")
	}
	_, err = again.client.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head})
	wantDenied(t, err, keyservicev1.ReasonIdentity)
	if _, err = again.client.Renew(t.Context()); err != nil {
		t.Errorf("who is to come back with a new key renews until the file merges: %v", err)
	}
	_, err = f.join("prod-new").client.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head})
	wantDenied(t, err, keyservicev1.ReasonNotInFleet)

	f.offset.Store(int64(2 * time.Hour)) // the fixture's bound is one hour
	_, err = f.eu.client.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head})
	wantDenied(t, err, keyservicev1.ReasonNotInFleet)
}

// TestAClusterThatLiesIsTakenAtItsWordOnly holds what a member of the fleet can
// do to the ledger: say anything about itself, within bounds.
func TestAClusterThatLiesIsTakenAtItsWordOnly(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	dev := f.person("dev", config.RoleDeveloper)
	f.eu.report(t, true, f.said(inUse, "Deployment/api"))
	before := dev.ledger(t, &keyservicev1.ListLedgerRequest{Cluster: "prod-eu"})

	// Another's secret, and one that nobody has: recorded as said, and marked.
	made := f.said(inUse)
	made.Digest, made.Name = "sha256:"+strings.Repeat("0", 64), "made-up"
	f.us.report(t, true, f.said(deprovisioned), made)
	if diff := cmp.Diff(before, dev.ledger(t, &keyservicev1.ListLedgerRequest{Cluster: "prod-eu"}), protocmp.Transform()); diff != "" {
		t.Errorf("another cluster's rows changed (-want +got):\n%s", diff)
	}
	for _, secret := range dev.ledger(t, &keyservicev1.ListLedgerRequest{})["prod-us"].GetSecrets() {
		if !secret.GetNeverPlaced() || secret.GetPlacedDigest() != "" {
			t.Errorf("not marked: %v", secret)
		}
	}
	if got := before["prod-eu"].GetSecrets()[0]; got.GetNeverPlaced() {
		t.Errorf("marked: %v", got)
	}

	for name, change := range map[string]func(*keyservicev1.ReportRequest){
		"a head that is none":            func(in *keyservicev1.ReportRequest) { in.Head = "main" },
		"an object twice":                func(in *keyservicev1.ReportRequest) { in.Secrets = append(in.Secrets, in.Secrets[0]) },
		"a name that breaks a line":      func(in *keyservicev1.ReportRequest) { in.Secrets[0].Name = "db\nx" },
		"a name with an escape":          func(in *keyservicev1.ReportRequest) { in.Secrets[0].Name = "db\x1b[2J" },
		"a namespace that is a path":     func(in *keyservicev1.ReportRequest) { in.Secrets[0].Namespace = "a/b" },
		"no placement":                   func(in *keyservicev1.ReportRequest) { in.Secrets[0].Placement = "" },
		"a digest that is none":          func(in *keyservicev1.ReportRequest) { in.Secrets[0].Digest = "sha256:0" },
		"that it is configured":          func(in *keyservicev1.ReportRequest) { in.Secrets[0].State = configured },
		"a state that does not exist":    func(in *keyservicev1.ReportRequest) { in.Secrets[0].State = 99 },
		"a workload that is a text":      func(in *keyservicev1.ReportRequest) { in.Secrets[0].Workloads = []string{"see https://evil"} },
		"more workloads than it takes":   func(in *keyservicev1.ReportRequest) { in.Secrets[0].Workloads = make([]string, 101) },
		"parts of what is not complete":  func(in *keyservicev1.ReportRequest) { in.Part = 1 },
		"more than a thousand at a time": func(in *keyservicev1.ReportRequest) { in.Secrets = make([]*keyservicev1.SecretReport, 1001) },
	} {
		in := &keyservicev1.ReportRequest{Head: f.head, Secrets: []*keyservicev1.SecretReport{f.said(provisioned)}}
		change(in)
		if _, err := rawClient(f.world, f.us.credentials.Certificate).Report(t.Context(), in); err == nil || !strings.Contains(err.Error(), keyservicev1.ReasonRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// A suspended cluster tells the truth about itself as before; who has another
	// key than the file tells nothing.
	f.atHead(f.commit(map[string]string{f.eu.path(): f.eu.file(func(c *api.Cluster) { c.Spec.Suspend = true }, "all")}))
	f.eu.report(t, false, f.said(provisioned))
	_, err := f.join("prod-us").client.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head})
	wantDenied(t, err, keyservicev1.ReasonIdentity)
	if got := dev.ledger(t, &keyservicev1.ListLedgerRequest{})["prod-eu"]; !got.GetSuspended() || got.GetSecrets()[0].GetSecret().GetState() != provisioned {
		t.Errorf("suspended: %v", got)
	}
}

// TestAReportIsInTheLogAndTheLedgerOrInNeither breaks the disk under each of the
// two.
func TestAReportIsInTheLogAndTheLedgerOrInNeither(t *testing.T) {
	f := newFixture(t)
	f.atHead(f.head)
	ann := f.person("ann", config.RoleAuditor)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(f.dir, "store.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reports := func() int {
		t.Helper()
		out, err := ann.admin.ListAudit(t.Context(), &keyservicev1.ListAuditRequest{Kind: string(audit.Report), Outcome: "Done"})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.GetEntries())
	}
	state := func() keyservicev1.SecretState {
		t.Helper()
		return ann.ledger(t, &keyservicev1.ListLedgerRequest{Cluster: "prod-eu"})["prod-eu"].GetSecrets()[0].GetSecret().GetState()
	}
	say := func(s keyservicev1.SecretState) error {
		_, err := f.eu.client.Report(t.Context(), &keyservicev1.ReportRequest{Head: f.head, Secrets: []*keyservicev1.SecretReport{f.said(s)}})
		return err
	}
	for _, c := range []struct{ what, table, statement string }{
		{"the ledger", "ledger", "INSERT"},
		{"the cluster's row", "members", "UPDATE"},
		{"the log", "leaves", "INSERT"},
	} {
		before := reports()
		if _, err := db.ExecContext(t.Context(), "CREATE TRIGGER broken BEFORE "+c.statement+" ON "+c.table+" BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"); err != nil {
			t.Fatal(err)
		}
		if err := say(provisioned); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", c.what, err)
		}
		if _, err := db.ExecContext(t.Context(), "DROP TRIGGER broken"); err != nil {
			t.Fatal(err)
		}
		if got := reports() - before; got != 0 || state() != configured {
			t.Errorf("%s: %d entries, state %v", c.what, got, state())
		}
	}
	// Said twice, because the first answer was lost: the same.
	for range 2 {
		if err := say(provisioned); err != nil {
			t.Fatal(err)
		}
	}
	if state() != provisioned {
		t.Errorf("state %v", state())
	}
}
