package keyservice_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// patience is how long a tip may be refused in these tests.
const patience = 10 * time.Minute

func withGrace(w *world) { w.refusedGrace = patience }

func graceFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, withGrace))
	f.settle(f.head)
	return f
}

// refusesTip wants the service to say that it does not accept the tip, without a
// word to the token or a grant in the log.
func (f *fixture) refusesTip(when string) {
	f.t.Helper()
	operations, grants := f.operations(), len(f.entriesOf(audit.Unseal, "Granted"))
	answers, err := f.eu.client.Unseal(f.t.Context(), f.head, []string{f.digest})
	if answers != nil || !errors.Is(err, client.ErrUnavailable) || !client.IsHeadRefused(err) {
		f.t.Fatalf("%s: %+v, %v; want Unavailable for a refused tip\n%s", when, answers, err, f.logs.tail())
	}
	if f.operations() != operations || len(f.entriesOf(audit.Unseal, "Granted")) != grants {
		f.t.Errorf("%s: the token was asked, or a grant recorded", when)
	}
}

func (f *fixture) ledgerRefused(p *somebody) *keyservicev1.RefusedTip {
	f.t.Helper()
	out, err := p.admin.ListLedger(f.t.Context(), &keyservicev1.ListLedgerRequest{})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.GetRefused()
}

// shows wants people to be told of the refused tip, and when it stops grants.
func (f *fixture) shows(p *somebody, stops time.Duration, when string) {
	f.t.Helper()
	tip, _ := f.repo.Head() // "" when the branch is gone
	refused := f.ledgerRefused(p)
	left := time.UnixMicro(refused.GetStops()).Sub(f.now())
	if refused.GetReason() == "" || refused.GetTip() != tip || refused.GetStops()-refused.GetSince() != patience.Microseconds() ||
		left > stops || left < stops-time.Minute {
		f.t.Errorf("%s: the ledger says %v, %v left; want tip %q and %v, at most a minute less", when, refused, left, tip, stops)
	}
}

// TestATipThatIsRefusedStopsGrants: whoever may push could otherwise keep the
// service at the head before, and what was revoked open, by one commit that nobody
// accepts.
func TestATipThatIsRefusedStopsGrants(t *testing.T) {
	for name, push := range map[string]func(f *fixture){
		"broken": func(f *fixture) { f.commit(map[string]string{"fleet.yaml": "kind: Fleet\n"}) },
		"another fleet": func(f *fixture) {
			f.commit(map[string]string{"fleet.yaml": strings.ReplaceAll(f.fleetFile(f.made.Key), f.fleet, strings.Repeat("a", 32))})
		},
		"rewritten": func(f *fixture) {
			if _, err := f.repo.Rewrite("again"); err != nil {
				f.t.Fatal(err)
			}
		},
		"gone": func(f *fixture) {
			if err := f.repo.DeleteBranch("main"); err != nil {
				f.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits more than it computes
			f := graceFixture(t)
			dev := f.person("dev", config.RoleDeveloper)
			push(f)
			f.look()
			f.later(patience - time.Minute)
			f.look() // a look does not make it young again
			f.opens("in the time to mend it", f.eu, f.head)
			since, err := strconv.ParseFloat(f.metric(t, "bulla_keyservice_tip_refused_since_timestamp_seconds"), 64)
			if age := float64(f.now().Unix()) - since; err != nil || age < (patience-2*time.Minute).Seconds() || age > patience.Seconds() {
				t.Errorf("the metric says that it is refused for %.0f seconds: %v", age, err)
			}
			f.shows(dev, time.Minute, "in the time to mend it")
			f.later(patience + time.Minute)
			f.refusesTip("after it")
			f.shows(dev, -time.Minute, "after it")
			if ready := f.get("/readyz"); !f.isReady() || !strings.Contains(ready, "refused: ") || !strings.Contains(ready, "nothing is unsealed until") {
				t.Errorf("readiness says\n%s", ready)
			}
			f.eu.renew()
			f.restart()
			f.refusesTip("after a restart")
			f.git.Refuse(http.StatusBadGateway)
			f.look()
			f.refusesTip("with the remote out of reach")
			f.git.Heal()
			if err := f.repo.ForcePush(f.head); err != nil {
				t.Fatal(err)
			}
			f.look()
			f.opens("with the head at the tip again", f.eu, f.head)
			if refused := f.ledgerRefused(f.person("dora", config.RoleDeveloper)); refused != nil {
				t.Errorf("the ledger still says %v", refused)
			}
			if ready := f.get("/readyz"); strings.Contains(ready, "refused: ") {
				t.Errorf("readiness says\n%s", ready)
			}
			f.later(3 * patience)
			f.restart()
			f.opens("later", f.eu, f.head)
		})
	}
}

// TestAnotherRefusedTipBeginsNothingAnew: nor does a clock that is set back, and
// what mends the branch is accepted.
func TestAnotherRefusedTipBeginsNothingAnew(t *testing.T) {
	f := graceFixture(t)
	for n := range 4 {
		f.later(time.Duration(n) * patience / 2)
		f.commit(map[string]string{"fleet.yaml": "kind: Fleet # " + strconv.Itoa(n) + "\n"})
		f.look()
	}
	f.refusesTip("after four of them")
	f.later(0)
	f.look()
	f.refusesTip("with the clock set back")
	mended := f.commit(map[string]string{"fleet.yaml": f.fleetFile(f.made.Key)})
	f.opens("when it is mended", f.eu, mended)
}

// TestARemoteOutOfReachRefusesNothing: repository.maxAge is for that.
func TestARemoteOutOfReachRefusesNothing(t *testing.T) {
	f := graceFixture(t)
	for _, fault := range []func(){func() { f.git.Drop(0) }, func() { f.git.Refuse(http.StatusBadGateway) }, func() { f.git.Refuse(http.StatusUnauthorized) }} {
		fault()
		f.look()
		f.later(5 * patience)
		f.look()
		f.opens("without a look", f.eu, f.head)
	}
}

// TestAReplicaThatSeesNothingHearsOfARefusedTip: and one that does see Git believes
// itself.
func TestAReplicaThatSeesNothingHearsOfARefusedTip(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := sharedFixture(t, withGrace)
	f.settle(f.head)
	other := f.replica(withGrace)
	other.opens("before", other.eu, f.head)
	f.commit(map[string]string{"fleet.yaml": "kind: Fleet\n"})
	f.look()
	f.later(patience + time.Minute)
	other.later(patience + time.Minute)
	f.look()
	f.refusesTip("by its own eyes")
	f.git.Refuse(http.StatusBadGateway)
	other.look()
	other.refusesTip("by the other's")
	f.git.Heal()
	if err := f.repo.ForcePush(f.head); err != nil {
		t.Fatal(err)
	}
	other.look()
	other.opens("with the head at the tip again", other.eu, f.head)
}
