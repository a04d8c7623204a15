package keyservice_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func (w *world) get(path string) string {
	w.t.Helper()
	r, err := http.Get(w.health + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

// TestATipThatIsNotAcceptedChangesNothing: the last good head goes on serving,
// and readiness says what is wrong.
func TestATipThatIsNotAcceptedChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	for _, c := range []struct {
		name, fleet, reason string
	}{
		{"fleet.yaml of another fleet", strings.ReplaceAll(f.fleetFile(f.made.Key), f.fleet, strings.Repeat("a", 32)), v1alpha1.FleetMismatchReason},
		{"a key that the signature does not cover", strings.Replace(f.fleetFile(f.made.Key), "id: "+keyID, "id: 2026-12-a", 1), v1alpha1.FleetMismatchReason},
		{"fleet.yaml that does not parse", "kind: Fleet\n", v1alpha1.InvalidFleetReason},
		{"no fleet.yaml", "", v1alpha1.InvalidFleetReason},
	} {
		tip := f.commit(map[string]string{"fleet.yaml": c.fleet, "placements/payments.yaml": placementFile("payments", "payments", "set/all")})
		answers, result := f.us.unseal(tip, f.digest)
		if answers.Head != f.head || result.Granted() {
			t.Errorf("%s: decided at %s, want %s; granted %v", c.name, answers.Head, f.head, result.Granted())
		}
		if ready := f.get("/readyz"); !strings.Contains(ready, c.reason) || !strings.Contains(ready, "ok: head "+f.head) {
			t.Errorf("%s: readiness says\n%s", c.name, ready)
		}
		if metric := f.get("/metrics"); !strings.Contains(metric, `bulla_keyservice_heads_refused_total{reason="`+c.reason+`"}`) {
			t.Errorf("%s: no metric", c.name)
		}
	}
	repaired := f.commit(map[string]string{"fleet.yaml": f.fleetFile(f.made.Key)})
	if answers, result := f.us.unseal(repaired, f.digest); answers.Head != repaired || !result.Granted() {
		t.Errorf("after the repair: %v at %s", result.Refusal, answers.Head)
	}
}

func TestARewrittenHistoryIsRefused(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	revoked := f.commit(map[string]string{"placements/payments.yaml": ""})
	f.settle(revoked)
	// Back to the commit that granted, and on from there.
	if err := f.repo.ForcePush(f.head); err != nil {
		t.Fatal(err)
	}
	rewritten := f.commit(map[string]string{"README": "again"})
	for _, revision := range []string{f.head, rewritten} {
		answers, result := f.eu.unseal(revision, f.digest)
		if answers.Head != revoked || result.Granted() {
			t.Errorf("asked at %s: decided at %s, granted %v", revision, answers.Head, result.Granted())
		}
	}
	if ready := f.get("/readyz"); !strings.Contains(ready, v1alpha1.HistoryRewrittenReason) {
		t.Errorf("readiness says\n%s", ready)
	}
}

func TestUnknownRevisionsShareFetches(t *testing.T) {
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, func(w *world) { w.lookEvery = 0 })) // the product's
	f.settle(f.head)
	before := f.git.Requests()
	var group sync.WaitGroup
	const each = 12 // at a time, of each cluster: more is sent away by its quota
	for i := range 2 * each {
		who := []*member{f.eu, f.us}[i%2]
		group.Go(func() {
			if _, err := who.client.Unseal(t.Context(), fmt.Sprintf("%040x", i+1), []string{f.digest}); err != nil {
				t.Errorf("unknown revision: %v", err)
			}
		})
	}
	group.Wait()
	after := f.git.Requests()
	if looks := after.ListRefs - before.ListRefs; looks > 5 {
		t.Errorf("%d unknown revisions made %d looks at the remote", 2*each, looks)
	}
	if fetches := after.UploadPacks - before.UploadPacks; fetches != 0 {
		t.Errorf("%d fetches though nothing moved", fetches)
	}
}

func TestAKnownRevisionCostsNoLook(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	before := f.git.Requests()
	f.eu.unseal(f.head, f.digest)
	f.eu.unseal(f.head, f.digest)
	if after := f.git.Requests(); after != before {
		t.Errorf("requests to the remote went from %+v to %+v", before, after)
	}
}

func TestAHeadThatMovedForOtherReasonsCostsTheTokenNothing(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	before := f.operations()
	f.settle(f.commit(map[string]string{"README": "moved"}))
	if after := f.operations(); after != before {
		t.Errorf("%d token operations for a head without new keys", after-before)
	}
}

func TestAServiceWhoseRemoteHangsServesTheLastHead(t *testing.T) {
	t.Parallel() // it waits for as long as a look may take
	f := newFixture(t)
	f.settle(f.head)
	f.git.Hang()
	defer f.git.Heal()
	answers, result := f.eu.unseal(strings.Repeat("1", 40), f.digest)
	if answers.Head != f.head || !result.Granted() {
		t.Errorf("%v at %s", result.Refusal, answers.Head)
	}
}

func TestARestartKeepsTheAcceptedHead(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := newFixture(t)
	f.settle(f.head)
	authority := protocol.SPKIHash(f.service.Authority())
	f.stop()
	f.git.Refuse(http.StatusServiceUnavailable)
	f.start(2)
	if protocol.SPKIHash(f.service.Authority()) != authority {
		t.Error("the authority changed")
	}
	eu := f.eu.dial()
	defer eu.Close()
	answers, err := eu.Unseal(t.Context(), f.head, []string{f.digest})
	if err != nil || !answers.Results[f.digest].Granted() {
		t.Fatalf("with Git down after a restart: %v, %v", answers, err)
	}
}

// TestNothingIsAnsweredThatIsNotRecorded breaks the audit log under the
// running service.
func TestNothingIsAnsweredThatIsNotRecorded(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	f.execStore(`CREATE TRIGGER full BEFORE INSERT ON leaves BEGIN SELECT RAISE(FAIL, 'disk full'); END`)
	answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
	if answers != nil || !errors.Is(err, client.ErrUnavailable) {
		t.Fatalf("answered %v, %v; want ErrUnavailable", answers, err)
	}
	if !strings.Contains(err.Error(), keyservicev1.ReasonUnavailable) || strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %q, want the code and nothing of the cause", err)
	}
	f.execStore("DROP TRIGGER full")
	if _, result := f.eu.unseal(f.head, f.digest); !result.Granted() {
		t.Errorf("after the repair: %v", result.Refusal)
	}
}

// TestNothingIsReleasedThatIsNotSigned: a token that opens and does not sign. The
// refusals of that time are kept, and signed later.
func TestNothingIsReleasedThatIsNotSigned(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	if err := f.token.Fault("C_Sign", 0x30, 1, 0); err != nil { // CKR_DEVICE_ERROR
		t.Fatal(err)
	}
	answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
	if answers != nil || !errors.Is(err, client.ErrUnavailable) {
		t.Fatalf("answered %v, %v; want ErrUnavailable", answers, err)
	}
	if _, result := f.us.unseal(f.head, f.digest); result.Refusal != keyservicev1.Refusal_REFUSAL_NOT_PLACED {
		t.Errorf("a refusal: %v, want NOT_PLACED", result.Refusal)
	}
	if err := f.token.ClearFault(); err != nil {
		t.Fatal(err)
	}
	f.eventually("the stub opens", func() bool {
		answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
		return err == nil && answers.Results[f.digest].Granted()
	})
	if !slices.ContainsFunc(f.recorded(audit.Unseal), func(e audit.Entry) bool { return e.Outcome == "NotPlaced" && e.Cluster == "prod-us" }) {
		t.Error("the refusal of that time is not in the log")
	}
}

func TestEveryDecisionIsALeaf(t *testing.T) {
	f := newFixture(t)
	unknown := "sha256:" + strings.Repeat("f", 64)
	f.settle(f.head)
	before := f.operations()
	if _, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest, unknown}); err != nil {
		t.Fatal(err)
	}
	entries := f.newest(2)
	refused, granted := entries[0], entries[1]
	if granted.Outcome != "Granted" || granted.Digest != f.digest || granted.Object != "payments/db" || granted.Placement != "payments" ||
		!slices.Equal(granted.Keys, []string{keyID, keyID}) || granted.Head != f.head || granted.Cluster != "prod-eu" || granted.Identity != f.eu.spki() {
		t.Errorf("grant recorded as %+v", granted)
	}
	if refused.Outcome != "NotPlaced" || refused.Digest != unknown || refused.Request != granted.Request || refused.Operations != 0 {
		t.Errorf("refusal recorded as %+v", refused)
	}
	if used := f.operations() - before; uint64(granted.Operations) != used {
		t.Errorf("%d operations recorded, the token counted %d", granted.Operations, used)
	}
}

func TestASickTokenIsNotTheStubsFault(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	if err := f.token.Fault("C_DeriveKey", 0x30, 1, 0); err != nil { // CKR_DEVICE_ERROR
		t.Fatal(err)
	}
	_, result := f.eu.unseal(f.head, f.digest)
	if result.Refusal != keyservicev1.Refusal_REFUSAL_UNAVAILABLE {
		t.Errorf("%v, want UNAVAILABLE", result.Refusal)
	}
	if err := f.token.ClearFault(); err != nil {
		t.Fatal(err)
	}
	f.eventually("the token is well again and the stub opens", func() bool {
		answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
		return err == nil && answers.Results[f.digest].Granted()
	})
}

func TestStoppingLetsRequestsFinish(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	if err := f.token.Fault("C_DeriveKey", 0, 1, 500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	before, result := f.operations(), make(chan error, 1)
	go func() {
		answers, err := f.eu.client.Unseal(t.Context(), f.head, []string{f.digest})
		if err == nil && !answers.Results[f.digest].Granted() {
			err = fmt.Errorf("refused: %v", answers.Results[f.digest].Refusal)
		}
		result <- err
	}()
	f.eventually("the token works", func() bool { return f.operations() > before })
	f.stop()
	if err := <-result; err != nil {
		t.Error(err)
	}
}
