package keyservice_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// inWaves is a fleet whose release of payments waits for prod-eu.
func inWaves(t *testing.T) (f *fixture, head, release, placement string) {
	t.Helper()
	f = newFixture(t)
	placement = placementFile("payments", "payments", "set/all") + "  rollout:\n    waves: [{clusterName: prod-eu}, {}]\n"
	head = f.commit(map[string]string{"placements/payments.yaml": placement})
	f.settle(head)
	return f, head, f.release("payments"), placement
}

// orders are the entries of what people said about the pace of payments.
func (f *fixture) orders() []audit.Entry {
	return slices.DeleteFunc(f.entriesOf(audit.Person, audit.Done), func(e audit.Entry) bool {
		return e.Placement != "payments"
	})
}

// reasonOf is why the service refused; "" for nothing.
func reasonOf(t *testing.T, err error) string {
	t.Helper()
	var denied *client.DeniedError
	if err != nil && !errors.As(err, &denied) {
		t.Fatalf("no refusal: %v", err)
	}
	if denied == nil {
		return ""
	}
	return denied.Reason
}

// TestAPromotionIsOfOneReleaseAndOpensNothing: it is an operator's, recorded, and for the
// head that was looked at.
func TestAPromotionIsOfOneReleaseAndOpensNothing(t *testing.T) {
	f, head, release, placement := inWaves(t)
	f.us.may(t, head, release, false)
	olga := f.person("olga", config.RoleOperator)
	promote := func(p *somebody, head string) (*keyservicev1.PromoteRolloutResponse, string) {
		t.Helper()
		out, err := p.admin.PromoteRollout(t.Context(), &keyservicev1.PromoteRolloutRequest{
			Placement: "payments", Head: head, Reason: "canary is down"})
		return out, reasonOf(t, err)
	}
	for _, role := range []config.Role{config.RoleAuditor, config.RoleDeveloper} {
		if _, reason := promote(f.person("p-"+string(role), role), head); reason != keyservicev1.ReasonRole {
			t.Errorf("%s: %q", role, reason)
		}
	}
	if _, reason := promote(olga, f.head); reason != keyservicev1.ReasonRequest {
		t.Errorf("a head that was looked at before: %q", reason)
	}
	f.us.may(t, head, release, false)
	out, reason := promote(olga, head)
	if reason != "" || strings.Join(out.GetPassed(), ",") != "cluster/prod-eu" || out.GetNext() != "rest" {
		t.Fatalf("promoted: %v, %q", out, reason)
	}
	f.us.may(t, head, release, true)
	if _, reason := promote(olga, head); reason != keyservicev1.ReasonRequest {
		t.Errorf("what is promoted is promoted again: %q", reason)
	}

	// The next release waits as ever, and Git's pause holds what was promoted.
	next := f.commit(map[string]string{"apps/payments/more.yaml": "apiVersion: v1\nkind: ConfigMap\n" +
		"metadata: {name: more, namespace: payments}\ndata: {a: b}\n"})
	f.settle(next)
	f.us.may(t, next, f.release("payments"), false)
	paused := f.commit(map[string]string{"placements/payments.yaml": placement + "    paused: true\n",
		"apps/payments/more.yaml": ""})
	f.settle(paused)
	f.us.may(t, paused, release, false)
	if _, reason := promote(olga, paused); reason != keyservicev1.ReasonRequest {
		t.Errorf("what Git pauses is promoted: %q", reason)
	}

	acts := f.orders()
	if len(acts) != 1 || acts[0].Person != "olga" || acts[0].Placement != "payments" || acts[0].Head != head ||
		!strings.Contains(acts[0].Detail, "waves cluster/prod-eu of release sha256:") ||
		!strings.Contains(acts[0].Detail, " count as passed until 2") ||
		!strings.HasSuffix(acts[0].Detail, ": canary is down") {
		t.Errorf("entries: %+v", acts)
	}
}

// TestAPromotionEndsByItself: who has not begun by then waits as before, and a wave that
// became Ready meanwhile has passed for good.
func TestAPromotionEndsByItself(t *testing.T) {
	f, head, release, _ := inWaves(t)
	olga, dana := f.person("olga", config.RoleOperator), f.person("dana", config.RoleDeveloper)
	promote := func(length time.Duration) (until time.Duration, reason string) {
		t.Helper()
		now := time.Now().Add(time.Duration(f.offset.Load()))
		in := &keyservicev1.PromoteRolloutRequest{Placement: "payments", Head: head, Reason: "canary is down"}
		if length != 0 {
			in.Until = now.Add(length).UnixMicro()
		}
		out, err := olga.admin.PromoteRollout(t.Context(), in)
		return time.UnixMicro(out.GetUntil()).Sub(now), reasonOf(t, err)
	}
	shown := func() *keyservicev1.RolloutWave {
		t.Helper()
		seen, err := dana.admin.ListRollouts(t.Context(), "payments")
		if err != nil {
			t.Fatal(err)
		}
		return seen.GetRollouts()[0].GetWaves()[0]
	}
	for _, length := range []time.Duration{-time.Hour, 32 * 24 * time.Hour} {
		if _, reason := promote(length); reason != keyservicev1.ReasonRequest {
			t.Errorf("for %s: %q", length, reason)
		}
	}
	f.us.may(t, head, release, false)
	if until, reason := promote(time.Hour); reason != "" || until < 59*time.Minute || until > 61*time.Minute {
		t.Fatalf("promoted for %s, %q", until, reason)
	}
	f.us.may(t, head, release, true)
	if wave := shown(); wave.GetPassed() == 0 || wave.GetUntil() == 0 {
		t.Errorf("shown is %v", wave)
	}
	f.offset.Add(int64(time.Hour))
	f.us.may(t, head, release, false)
	if wave := shown(); wave.GetPassed() != 0 || wave.GetUntil() != 0 {
		t.Errorf("what is over is shown: %v", wave)
	}

	// The wave is Ready meanwhile.
	if _, reason := promote(2 * time.Hour); reason != "" {
		t.Fatal(reason)
	}
	f.us.may(t, head, release, true)
	f.eu.stands(t, release, keyservicev1.Readiness_READINESS_READY)
	f.us.may(t, head, release, true)
	if wave := shown(); wave.GetPassed() == 0 || wave.GetUntil() != 0 {
		t.Errorf("what passed by itself is shown as %v", wave)
	}
	f.eu.stands(t, release, keyservicev1.Readiness_READINESS_NOT_READY)
	f.offset.Add(int64(3 * time.Hour))
	f.us.may(t, head, release, true)

	// Another release, and a word without a time.
	head = f.commit(map[string]string{"apps/payments/more.yaml": "apiVersion: v1\nkind: ConfigMap\n" +
		"metadata: {name: more, namespace: payments}\ndata: {a: b}\n"})
	f.settle(head)
	f.us.may(t, head, f.release("payments"), false)
	if until, reason := promote(0); reason != "" || until < 23*time.Hour || until > 25*time.Hour {
		t.Fatalf("promoted for %s, %q", until, reason)
	}
}

// TestAPauseWithoutACommitEndsByItself: nothing starts anew while it lasts, not what stood
// before either; a cluster is told until when, and not why or by whom.
func TestAPauseWithoutACommitEndsByItself(t *testing.T) {
	f, head, release, _ := inWaves(t)
	olga := f.person("olga", config.RoleOperator)
	pause := func(p *somebody, length time.Duration, reason string) string {
		t.Helper()
		in := &keyservicev1.PauseRolloutRequest{Placement: "payments", Reason: reason}
		if length != 0 {
			in.Until = time.Now().Add(time.Duration(f.offset.Load())).Add(length).UnixMicro()
		}
		_, err := p.admin.PauseRollout(t.Context(), in)
		return reasonOf(t, err)
	}
	for _, role := range []config.Role{config.RoleAuditor, config.RoleDeveloper} {
		if reason := pause(f.person("p-"+string(role), role), time.Hour, "r"); reason != keyservicev1.ReasonRole {
			t.Errorf("%s: %q", role, reason)
		}
	}
	for what, reason := range map[string]string{
		"none that is lifted": pause(olga, 0, "r"), "for too long": pause(olga, 32*24*time.Hour, "r"),
		"over before it begins": pause(olga, -time.Hour, "r"), "without a reason": pause(olga, time.Hour, ""),
	} {
		if reason != keyservicev1.ReasonRequest {
			t.Errorf("%s: %q", what, reason)
		}
	}
	if reason := pause(olga, time.Hour, "INC-1203"); reason != "" {
		t.Fatal(reason)
	}
	why := f.eu.may(t, head, release, false)
	if !strings.HasPrefix(why, "an operator pauses the rollout until ") || strings.Contains(why, "INC") ||
		strings.Contains(why, "olga") {
		t.Errorf("the cluster is told %q", why)
	}
	if may, _, _, err := f.eu.client.MayTake(t.Context(), &keyservicev1.MayTakeRequest{
		Revision: head, Placement: "payments", Release: release, Stood: true}); may || err != nil {
		t.Errorf("what stood here before may start: %v, %v", may, err)
	}
	if _, result := f.us.unseal(head, f.digest); !result.Granted() {
		t.Errorf("a pause keeps a value: %v", result.Refusal)
	}
	seen, err := f.person("dana", config.RoleDeveloper).admin.ListRollouts(t.Context(), "payments")
	if err != nil || len(seen.GetRollouts()) != 1 || seen.GetRollouts()[0].GetPause().GetPerson() != "olga" ||
		seen.GetRollouts()[0].GetPause().GetReason() != "INC-1203" {
		t.Errorf("shown: %v, %v", seen, err)
	}
	f.offset.Add(int64(time.Hour))
	f.eu.may(t, head, release, true)

	// A pause that is lifted.
	if reason := pause(olga, time.Hour, "INC-1204"); reason != "" {
		t.Fatal(reason)
	}
	f.eu.may(t, head, release, false)
	if reason := pause(olga, 0, "over"); reason != "" {
		t.Fatal(reason)
	}
	f.eu.may(t, head, release, true)
	if acts := f.orders(); len(acts) != 3 || acts[2].Detail != "rollout resumed: over" ||
		acts[2].Placement != "payments" {
		t.Errorf("entries: %+v", acts)
	}
}
