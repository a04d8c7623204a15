package keyservice_test

import (
	"crypto/tls"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

func invented(n int) string { return fmt.Sprintf("sha256:%064x", 0xabc0000+n) }

// ask is an Unseal without a client that checks anything.
func (f *fixture) askRaw(m *member, since int64, digests ...string) *keyservicev1.UnsealResponse {
	f.t.Helper()
	answer, err := rawClient(f.world, m.credentials.Certificate).Unseal(f.t.Context(), &keyservicev1.UnsealRequest{
		Revision: f.head, Nonce: make([]byte, 16), Digests: digests, LogSize: uint64(since)})
	if err != nil {
		f.t.Fatal(err)
	}
	return answer
}

func (f *fixture) checkpoint(log *keyservicev1.LogState) audit.Checkpoint {
	f.t.Helper()
	c, err := audit.OpenCheckpoint(log.GetCheckpoint(), audit.Origin(f.fleet), f.logVerifier())
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func TestAnAnswerCarriesItsRecord(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	before := f.checkLog()
	answer := f.askRaw(f.eu, before.Size, f.digest, invented(1))
	now := f.checkpoint(answer.GetLog())
	if err := audit.CheckConsistency(before, now, answer.GetLog().GetConsistency()); err != nil {
		t.Error(err)
	}
	for i, outcome := range []string{"Granted", "NotPlaced"} {
		in := answer.GetResults()[i].GetInclusion()
		if err := audit.CheckInclusion(now, int64(in.GetIndex()), in.GetEntry(), in.GetProof()); err != nil {
			t.Error(err)
		}
		if e := parse(t, in.GetEntry()); e.Outcome != outcome || e.Digest != answer.GetResults()[i].GetDigest() || e.Cluster != "prod-eu" {
			t.Errorf("the record of result %d is %+v", i, e)
		}
	}
	// The same refusal again is counted: no entry, and the log as it stands.
	again := f.askRaw(f.eu, now.Size, invented(1))
	if again.GetResults()[0].GetInclusion() != nil || f.checkpoint(again.GetLog()) != now {
		t.Errorf("a repeated refusal has its own entry")
	}
	proof, err := rawClient(f.world, f.us.credentials.Certificate).ProveConsistency(t.Context(),
		&keyservicev1.ProveConsistencyRequest{FromSize: uint64(before.Size), ToSize: uint64(now.Size)})
	if err != nil {
		t.Fatal(err)
	}
	if err := audit.CheckConsistency(before, now, proof.GetProof()); err != nil {
		t.Error(err)
	}
}

// TestALogThatAClusterSawLongerDecidesNothing: an old copy of the store was put
// back. What was recorded since is lost, and no answer must hide it.
func TestALogThatAClusterSawLongerDecidesNothing(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	before, size := f.operations(), f.checkLog().Size
	_, err := rawClient(f.world, f.eu.credentials.Certificate).Unseal(t.Context(), &keyservicev1.UnsealRequest{
		Revision: f.head, Nonce: make([]byte, 16), Digests: []string{f.digest}, LogSize: uint64(size) + 1})
	if connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("%v, want Unavailable", err)
	}
	if f.operations() != before {
		t.Error("the token was used")
	}
	if !strings.Contains(f.logs.String(), "behind what was seen of it") {
		t.Error("the service does not say why")
	}
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Errorf("another caller suffers: %v", result.Refusal)
	}
}

func TestInventedDigestsAddFewEntries(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	before := f.checkLog().Size
	const requests, each = 5, 1000
	for request := range requests {
		digests := make([]string, each)
		for i := range digests {
			digests[i] = invented(request*each + i)
		}
		f.askRaw(f.eu, 0, digests...)
	}
	// A burst, one more every six seconds, and the notes that others were counted.
	if added := f.checkLog().Size - before; added > 256+60 {
		t.Errorf("%d refusals added %d entries", requests*each, added)
	}
	// Neighbours have their own budget, and grants are always recorded.
	if in := f.askRaw(f.us, 0, invented(1)).GetResults()[0].GetInclusion(); in == nil {
		t.Error("another cluster's refusal was not recorded")
	}
	if in := f.askRaw(f.eu, 0, f.digest).GetResults()[0].GetInclusion(); in == nil || parse(t, in.GetEntry()).Outcome != "Granted" {
		t.Error("its own grant was not recorded")
	}
	f.stop()
	counted := 0
	for _, e := range f.recorded(audit.Coalesce) {
		counted += e.Count
		if e.Cluster != "prod-eu" || e.Outcome != "NotPlaced" {
			t.Errorf("counted as %+v", e)
		}
	}
	recorded := 0
	for _, e := range f.recorded(audit.Unseal) {
		if e.Cluster == "prod-eu" && e.Outcome == "NotPlaced" && e.Digest != "sha256:"+strings.Repeat("0", 64) {
			recorded++
		}
	}
	if recorded+counted != requests*each {
		t.Errorf("%d recorded and %d counted of %d refusals", recorded, counted, requests*each)
	}
}

// TestEveryKindOfDecisionIsRecorded: what a service did in its first minutes, in
// its log.
func TestEveryKindOfDecisionIsRecorded(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	ctx := t.Context()
	// A join token that does not exist, and one that is used twice.
	stolen := f.joinToken("prod-ap", time.Hour)
	stolen.Secret = strings.Repeat("A", len(stolen.Secret))
	if _, err := client.Enroll(ctx, newMember(f.world, "prod-ap").options(stolen)); err == nil {
		t.Fatal("an unknown join token was taken")
	}
	if _, err := f.eu.client.Renew(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := rawClient(f.world, tls.Certificate{}).Unseal(ctx, &keyservicev1.UnsealRequest{}); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Fatalf("without a certificate: %v", err)
	}
	if _, err := f.eu.client.Unseal(ctx, "main", []string{f.digest}); err == nil {
		t.Fatal("a branch was taken for a revision")
	}
	f.commit(map[string]string{"fleet.yaml": "kind: Fleet\n"})
	f.eu.unseal(f.head, f.digest)
	f.askRaw(f.eu, 0, invented(1)) // an unknown revision would ask for a look
	bad := f.commit(map[string]string{"README.md": "more\n"})
	f.eu.unseal(bad, f.digest)
	type row struct{ Kind, Outcome, Cluster string }
	got := map[row]bool{}
	for _, e := range f.allRecorded() {
		got[row{string(e.Kind), e.Outcome, e.Cluster}] = true
		if e.Fleet != f.fleet {
			t.Errorf("an entry of fleet %q", e.Fleet)
		}
	}
	want := map[row]bool{
		{"Start", "Done", ""}: true, {"Key", "Done", ""}: true, {"Head", "Done", ""}: true,
		{"Head", v1alpha1.InvalidFleetReason, ""}: true,
		{"Enrol", "Done", "prod-eu"}:              true, {"Enrol", "Done", "prod-us"}: true,
		{"Enrol", keyservicev1.ReasonJoinToken, ""}: true, {"Renew", "Done", "prod-eu"}: true,
		{"Unseal", keyservicev1.ReasonCertificate, ""}:    true,
		{"Unseal", keyservicev1.ReasonRequest, "prod-eu"}: true,
		{"Unseal", "Granted", "prod-eu"}:                  true, {"Unseal", "NotPlaced", "prod-eu"}: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var keys []string
	for _, e := range f.recorded(audit.Key) {
		kind, _, _ := strings.Cut(e.Detail, " key ")
		keys = append(keys, kind)
	}
	if diff := cmp.Diff([]string{"root", "log", "certificate authority", "sealing"}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func (w *world) allRecorded() []audit.Entry {
	w.t.Helper()
	var entries []audit.Entry
	for _, leaf := range w.leaves() {
		entries = append(entries, parse(w.t, leaf.Entry))
	}
	return entries
}

// TestARacedTokenIsRecordedOnce: two requests race with one token, and
// the log tells which won.
func TestARacedTokenIsRecordedOnce(t *testing.T) {
	f := newFixture(t)
	token := f.joinToken("prod-ap", time.Hour)
	errs := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := client.Enroll(t.Context(), newMember(f.world, "prod-ap").options(token))
			errs <- err
		}()
	}
	won := 0
	for range 4 {
		if err := <-errs; err == nil {
			won++
		}
	}
	done := 0
	for _, e := range f.recorded(audit.Enrol) {
		if e.Cluster == "prod-ap" && e.Outcome == "Done" {
			done++
		}
	}
	if won != done || won > 1 {
		t.Errorf("%d won, %d are recorded as enrolled", won, done)
	}
}

// TestAServiceDoesNotStartOnABadLog, and says what is wrong with it.
func TestAServiceDoesNotStartOnABadLog(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	f.stop()
	f.execStore("CREATE TABLE kept AS SELECT * FROM leaves WHERE idx = 2", "DELETE FROM leaves WHERE idx = 2")
	if err := f.tryNew(); err == nil || !strings.Contains(err.Error(), "open audit log") {
		t.Errorf("an entry is missing: %v", err)
	}
	f.execStore("INSERT INTO leaves SELECT * FROM kept", "DROP TABLE kept")
	if err := f.tryNew(); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

// TestAServiceThatCannotRecordDoesNotStart: it could not answer anything.
func TestAServiceThatCannotRecordDoesNotStart(t *testing.T) {
	f := newFixture(t)
	f.stop()
	f.execStore(`CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(FAIL, 'disk full'); END`)
	if err := f.tryNew(); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("started: %v", err)
	}
	f.execStore("DROP TRIGGER full")
}

// tryNew makes a service that is not served.
func (f *fixture) tryNew() error {
	f.t.Helper()
	mirror, err := git.Open(filepath.Join(f.dir, "mirror"), f.repo.URL(), "main",
		git.Auth{Username: f.repo.Username, Password: f.repo.Password}, git.Limits{})
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = keyservice.New(f.t.Context(), keyservice.Options{
		Config: f.config(2), Store: f.rows, Token: f.worker, Source: mirror,
		Builder: kustomize.NewBuilder(kustomize.BuilderOptions{}), Log: slog.New(slog.DiscardHandler),
	})
	return err
}

// execStore changes the database behind the store's back.
func (w *world) execStore(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "store.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(w.t.Context(), "PRAGMA busy_timeout = 10000; "+statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestNothingIsUnpacked: a compressed body is not a body.
func TestNothingIsUnpacked(t *testing.T) {
	f := newFixture(t)
	rpc := rawClient(f.world, f.eu.credentials.Certificate, connect.WithSendGzip())
	_, err := rpc.Unseal(t.Context(), &keyservicev1.UnsealRequest{Revision: f.head, Nonce: make([]byte, 16), Digests: []string{f.digest}})
	if connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("%v, want Unimplemented", err)
	}
}

// TestTheLogIsReadInPagesWithProofs: what an auditor gets is shown to be in the
// log, filtered or not, and the pages leave nothing out.
func TestTheLogIsReadInPagesWithProofs(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	for i := range 30 {
		f.askRaw(f.eu, 0, invented(2*i), invented(2*i+1))
		f.askRaw(f.us, 0, invented(i))
	}
	f.askRaw(f.eu, 0, f.digest)
	all := f.allRecorded()
	since := all[20].Time
	for name, c := range map[string]struct {
		question *keyservicev1.ListAuditRequest
		match    func(audit.Entry) bool
	}{
		"everything":         {&keyservicev1.ListAuditRequest{}, func(audit.Entry) bool { return true }},
		"one cluster":        {&keyservicev1.ListAuditRequest{Cluster: "prod-us"}, func(e audit.Entry) bool { return e.Cluster == "prod-us" }},
		"one kind":           {&keyservicev1.ListAuditRequest{Kind: "Key"}, func(e audit.Entry) bool { return e.Kind == audit.Key }},
		"one outcome":        {&keyservicev1.ListAuditRequest{Outcome: "Granted"}, func(e audit.Entry) bool { return e.Outcome == "Granted" }},
		"one digest":         {&keyservicev1.ListAuditRequest{Digest: invented(4)}, func(e audit.Entry) bool { return e.Digest == invented(4) }},
		"one object":         {&keyservicev1.ListAuditRequest{Object: "payments/db"}, func(e audit.Entry) bool { return e.Object == "payments/db" }},
		"two of them":        {&keyservicev1.ListAuditRequest{Cluster: "prod-eu", Outcome: "NotPlaced"}, func(e audit.Entry) bool { return e.Cluster == "prod-eu" && e.Outcome == "NotPlaced" }},
		"since":              {&keyservicev1.ListAuditRequest{Since: since.UnixMicro()}, func(e audit.Entry) bool { return !e.Time.Before(since) }},
		"until":              {&keyservicev1.ListAuditRequest{Until: since.UnixMicro()}, func(e audit.Entry) bool { return e.Time.Before(since) }},
		"nobody by the name": {&keyservicev1.ListAuditRequest{Person: "nobody"}, func(audit.Entry) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			var want, got []audit.Entry
			for _, e := range all {
				if c.match(e) {
					want = append(want, e)
				}
			}
			c.question.Limit = 7
			for {
				answer, err := f.service.ReadAudit(t.Context(), c.question)
				if err != nil {
					t.Fatal(err)
				}
				state := f.checkpoint(answer.GetLog())
				if len(answer.GetEntries()) > 7 {
					t.Fatalf("%d entries in a page of 7", len(answer.GetEntries()))
				}
				for _, in := range answer.GetEntries() {
					if err := audit.CheckInclusion(state, int64(in.GetIndex()), in.GetEntry(), in.GetProof()); err != nil {
						t.Fatal(err)
					}
					got = append(got, parse(t, in.GetEntry()))
				}
				if c.question.From = answer.GetNext(); c.question.From == 0 {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, question := range map[string]*keyservicev1.ListAuditRequest{
		"too many": {Limit: 1001}, "a filter of a megabyte": {Digest: strings.Repeat("x", 1<<20)}, "before 1970": {Since: -1},
	} {
		if _, err := f.service.ReadAudit(t.Context(), question); connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}
