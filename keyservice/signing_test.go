package keyservice_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/fixtures/signer"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/store"
)

var demanded = []string{"clusters/", "placements/"}

// signs makes the developer sign with a key from now on; nil for nobody's.
func (w *world) signs(k *signer.Key) {
	w.t.Helper()
	err := signer.Nobody(w.repo)
	if k != nil {
		err = k.Signs(w.repo)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// fleetSigned is fleet.yaml that demands signatures by these keys.
func (w *world) fleetSigned(keys ...*signer.Key) string {
	w.t.Helper()
	signing := &api.Signing{Require: demanded}
	for _, k := range keys {
		signing.AllowedSigners = append(signing.AllowedSigners, k.Allowed)
	}
	w.serial++
	return w.signFleet(w.root(), func(s *api.FleetSpec) { s.Signing = signing })
}

// grantTo places the application on the other cluster too.
func (f *fixture) grantTo(targets ...string) string {
	f.t.Helper()
	return f.commit(map[string]string{"placements/payments.yaml": placementFile("payments", "payments", targets...)})
}

// unverified wants a tip refused, the head as it was and nothing granted.
func (f *fixture) unverified(what, tip string, names ...string) {
	f.t.Helper()
	answers, result := f.us.unseal(tip, f.digest)
	if answers.Head != f.head || result.Granted() {
		f.t.Errorf("%s: decided at %s, want %s; granted %v", what, answers.Head, f.head, result.Granted())
	}
	ready := f.get("/readyz")
	for _, want := range append(names, v1alpha1.CommitNotVerifiedReason, "ok: head "+f.head, "hint: ") {
		if !strings.Contains(ready, want) {
			f.t.Errorf("%s: readiness does not say %s:\n%s", what, want, ready)
		}
	}
	f.back()
}

func (f *fixture) back() {
	f.t.Helper()
	if err := f.repo.ForcePush(f.head); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) entriesOf(kind audit.Kind, outcome string) []audit.Entry {
	f.t.Helper()
	var out []audit.Entry
	for _, leaf := range f.leaves() {
		e, err := audit.ParseEntry(leaf.Entry)
		if err != nil {
			f.t.Fatal(err)
		}
		if e.Kind == kind && e.Outcome == outcome {
			out = append(out, e)
		}
	}
	return out
}

func TestACommitThatIsNotVerifiedGrantsNothing(t *testing.T) {
	ada, bob := signer.SSH(t, "ada@acme.example"), signer.SSH(t, "bob@acme.example")
	f := newFixture(t)
	f.settle(f.head)
	f.head = f.commit(map[string]string{"fleet.yaml": f.fleetSigned(ada)})
	f.settle(f.head)

	f.signs(nil)
	f.unverified("an unsigned grant", f.grantTo("set/all"), `"placements/payments.yaml"`, "not signed")
	buried := f.grantTo("set/all")
	f.signs(ada)
	f.unverified("an unsigned grant under a signed commit", f.commit(map[string]string{"README": "x"}), buried, "not signed")
	f.signs(bob)
	f.unverified("a signer who adds himself", f.commit(map[string]string{"fleet.yaml": f.fleetSigned(ada, bob)}), "not an allowed signer")
	f.serial--
	if refused := f.entriesOf(audit.Head, v1alpha1.CommitNotVerifiedReason); len(refused) < 3 || refused[0].Head != f.head {
		t.Errorf("refusals in the log: %+v", refused)
	}
	if metrics := f.get("/metrics"); !strings.Contains(metrics, `bulla_keyservice_heads_refused_total{reason="CommitNotVerified"}`) {
		t.Error("no metric")
	}

	f.signs(nil)
	f.head = f.commit(map[string]string{"README": "needs no signature"})
	f.settle(f.head)
	f.signs(ada)
	f.head = f.grantTo("set/all")
	if answers, result := f.us.unseal(f.head, f.digest); answers.Head != f.head || !result.Granted() {
		t.Errorf("a signed grant: %v at %s", result.Refusal, answers.Head)
	}
	accepted := f.entriesOf(audit.Head, "Done")
	if last := accepted[len(accepted)-1]; last.Head != f.head || !strings.Contains(last.Detail, "1 signature by ada@acme.example SHA256:") {
		t.Errorf("the accepted head in the log: %+v", last)
	}
}

func TestTheFloorOfTheServiceIsNotLoweredByGit(t *testing.T) {
	t.Parallel() // it waits more than it computes
	ada, bob := signer.SSH(t, "ada@acme.example"), signer.SSH(t, "bob@acme.example")
	f := newFixture(t)
	f.settle(f.head)
	f.signing = config.SigningFloor{AllowedSigners: []string{ada.Allowed}, Require: []string{"placements/"}}
	f.restart()
	f.signs(bob)
	f.unverified("a grant that only Git's signers could sign", f.grantTo("set/all"), "not an allowed signer")
	f.unverified("signers of Git's own", f.commit(map[string]string{"fleet.yaml": f.fleetSigned(bob)}), `"fleet.yaml"`)
	f.signs(ada)
	f.head = f.grantTo("set/all")
	if answers, result := f.us.unseal(f.head, f.digest); answers.Head != f.head || !result.Granted() {
		t.Errorf("a grant by one of the floor's: %v at %s", result.Refusal, answers.Head)
	}
}

// say records an operator's word as `history accept` does.
func (f *fixture) say(head string) error {
	last, err := f.rows.LastHead(context.Background(), f.fleet, "main")
	if err != nil {
		return err
	}
	r, e, err := keyservice.NewRewrite(last, head, "", time.Now())
	if err != nil {
		return err
	}
	return f.rows.Do(f.t.Context(), f.rows.AddRewrite(r), journal.Later(f.rows, f.fleet, e, time.Now()))
}

func TestARewrittenHistoryIsAcceptedByAnOperatorOnce(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := newFixture(t)
	f.settle(f.head)
	old := f.grantTo("set/all")
	f.settle(old)
	if err := f.repo.ForcePush(f.head); err != nil {
		t.Fatal(err)
	}
	first := f.commit(map[string]string{"README": "history anew"})
	refused := func(what, tip, at string) {
		t.Helper()
		// A revision that nobody knows makes the service look.
		if answers, _ := f.eu.unseal(strings.Repeat("9", 40), f.digest); answers.Head != at {
			t.Fatalf("%s: decided at %s, want %s", what, answers.Head, at)
		}
		if ready := f.get("/readyz"); !strings.Contains(ready, v1alpha1.HistoryRewrittenReason) || !strings.Contains(ready, "--head "+tip) {
			t.Errorf("%s: readiness says\n%s", what, ready)
		}
	}
	shown := func(what, from, want string) {
		t.Helper()
		found, err := f.eu.client.AcceptedRewrite(t.Context(), from, "main")
		if got := cmp.Or(found, &client.Rewrite{}); err != nil || got.To != want {
			t.Errorf("%s: a cluster is shown %q, %v; want %q", what, got.To, err, want)
		}
	}
	refused("nobody's word", first, old)
	if err := f.say(strings.Repeat("1", 40)); err != nil {
		t.Fatal(err)
	}
	refused("the word for another head", first, old)
	shown("a word that was not used", old, "")
	for _, bad := range []string{first[:12], "main", strings.ToUpper(first)} {
		if err := f.say(bad); !errors.Is(err, keyservice.ErrNoHash) {
			t.Errorf("head %q: %v", bad, err)
		}
	}
	if err := f.say(old); !errors.Is(err, keyservice.ErrInForce) {
		t.Errorf("the head in force: %v", err)
	}
	// Twice: the first answer may have been lost.
	for range 2 {
		if err := f.say(first); err != nil {
			t.Fatal(err)
		}
	}
	// A commit follows the one that was named before the service looks.
	second := f.commit(map[string]string{"README": "and on"})
	followed := second
	f.settle(second)
	if _, result := f.us.unseal(second, f.digest); result.Granted() {
		t.Error("what the rewritten history does not place is granted")
	}
	shown("the head that was left", old, first)
	shown("the head in force", second, "")
	shown("a head that nobody knows", strings.Repeat("1", 40), "")
	if found, err := f.eu.client.AcceptedRewrite(t.Context(), old, "canary"); err == nil {
		t.Errorf("another branch: %v", found)
	}
	if found, err := f.eu.client.AcceptedRewrite(t.Context(), "main", "main"); err == nil {
		t.Errorf("no hash: %v", found)
	}
	heads, said := f.entriesOf(audit.Head, "Done"), f.entriesOf(audit.History, "Done")
	// Whoever left the fleet is not told who runs it.
	suspend := func(c *api.Cluster) { c.Spec.Suspend = true }
	second = f.commit(map[string]string{f.us.path(): f.us.file(suspend, "us")})
	f.settle(second)
	denied := new(client.DeniedError)
	if found, err := f.us.client.AcceptedRewrite(t.Context(), old, "main"); !errors.As(err, &denied) ||
		denied.Reason != keyservicev1.ReasonSuspended {
		t.Errorf("a cluster that was suspended is shown %v, %v", found, err)
	}
	if last := heads[len(heads)-1]; last.Head != followed ||
		!strings.Contains(last.Detail, "an operator accepted "+first) {
		t.Errorf("the accepted head in the log: %+v", last)
	}
	if last := said[len(said)-1]; last.Head != old || last.Revision != first || last.Ref != "main" {
		t.Errorf("the operator's word in the log: %+v", last)
	}
	// The branch goes back to the head that was named, and to the old one.
	for _, back := range []string{first, old} {
		if err := f.repo.ForcePush(back); err != nil {
			t.Fatal(err)
		}
		refused("a second time", back, second)
	}
	f.restart()
	refused("a second time after a restart", old, second)

	// A word that was used is shown no more once another one led back.
	if err := f.say(old); err != nil {
		t.Fatal(err)
	}
	if answers, _ := f.eu.unseal(strings.Repeat("9", 40), f.digest); answers.Head != old {
		t.Fatalf("the word for the old head: decided at %s, want %s", answers.Head, old)
	}
	shown("the word that led back", second, old)
	shown("the word before it", old, "")
}

func TestARewrittenHeadMustBeSignedAsTheLastHeadDemands(t *testing.T) {
	ada := signer.SSH(t, "ada@acme.example")
	f := newFixture(t)
	f.settle(f.head)
	start := f.head
	f.head = f.commit(map[string]string{"fleet.yaml": f.fleetSigned(ada)})
	f.settle(f.head)
	// A history that never heard of the demand.
	if err := f.repo.ForcePush(start); err != nil {
		t.Fatal(err)
	}
	rewritten := f.commit(map[string]string{"placements/payments.yaml": placementFile("payments", "payments", "set/all"), "fleet.yaml": f.fleetFile(f.made.Key)})
	if err := f.say(rewritten); err != nil {
		t.Fatal(err)
	}
	f.unverified("unsigned, though accepted by name", rewritten, rewritten, "not signed")
}

func TestAPersonAcceptsAHistoryUnderTheirName(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	old := f.commit(map[string]string{"README": "x"})
	f.settle(old)
	if err := f.repo.ForcePush(f.head); err != nil {
		t.Fatal(err)
	}
	next := f.commit(map[string]string{"README": "history anew"})
	operator, auditor := f.person("olga", config.RoleOperator), f.person("axel", config.RoleAuditor)
	if err := auditor.admin.AcceptHistory(t.Context(), next); err == nil || !strings.Contains(err.Error(), keyservicev1.ReasonRole) {
		t.Errorf("an auditor: %v", err)
	}
	if err := operator.admin.AcceptHistory(t.Context(), "main"); err == nil || !strings.Contains(err.Error(), keyservicev1.ReasonRequest) {
		t.Errorf("a branch's name: %v", err)
	}
	if err := operator.admin.AcceptHistory(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if ready := f.get("/readyz"); !strings.Contains(ready, "ok: head "+next) {
		t.Errorf("readiness says\n%s", ready)
	}
	if said := f.entriesOf(audit.History, "Done"); len(said) != 1 || said[0].Person != "olga" || said[0].Revision != next || said[0].Head != old || said[0].Ref != "main" {
		t.Errorf("in the log: %+v", said)
	}
}

// An operator's word that is not recorded does not count.
func TestAHistoryIsAcceptedInTheLogOrNotAtAll(t *testing.T) {
	f := newFixture(t)
	f.settle(f.head)
	old := f.commit(map[string]string{"README": "x"})
	f.settle(old)
	if err := f.repo.ForcePush(f.head); err != nil {
		t.Fatal(err)
	}
	next := f.commit(map[string]string{"README": "history anew"})
	operator := f.person("olga", config.RoleOperator)
	if err := f.token.Fault("C_Sign", 0x30, 1, 0); err != nil { // CKR_DEVICE_ERROR
		t.Fatal(err)
	}
	if err := operator.admin.AcceptHistory(t.Context(), next); err == nil {
		t.Error("accepted though nothing can be recorded")
	}
	if err := f.token.ClearFault(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.rows.OpenRewrite(t.Context(), f.fleet, "main", old); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a word stands that was not recorded: %v", err)
	}
}
