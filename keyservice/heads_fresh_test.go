package keyservice_test

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/fixtures/proxy"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// bound is the greatest age of a look in these tests.
const bound = 2 * time.Hour

func withBound(w *world) { w.maxAge = bound }

// boundFixture has a service that accepted the fixture's head just now.
func boundFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixtureIn(newWorldOf(t, api.SuiteHybrid, 2, 0, withBound))
	f.settle(f.head)
	return f
}

// later sets the service's clock ahead of everybody's.
func (w *world) later(by time.Duration) { w.offset.Store(int64(by)) }

// opens wants the digest opened at a head.
func (f *fixture) opens(when string, m *member, head string) {
	f.t.Helper()
	answers, err := m.client.Unseal(f.t.Context(), head, []string{f.digest})
	if err != nil || answers.Head != head || !answers.Results[f.digest].Granted() {
		f.t.Fatalf("%s: %+v, %v; want a grant at %s\n%s", when, answers, err, head, f.logs.tail())
	}
}

// opensNothing wants the service to say that its head may be old, without a word
// to the token or a grant in the log.
func (f *fixture) opensNothing(when string, m *member, revision string) {
	f.t.Helper()
	operations, grants := f.operations(), len(f.entriesOf(audit.Unseal, "Granted"))
	answers, err := m.client.Unseal(f.t.Context(), revision, []string{f.digest})
	if answers != nil || !errors.Is(err, client.ErrUnavailable) || !client.IsRepositoryStale(err) {
		f.t.Fatalf("%s: %+v, %v; want Unavailable for a stale repository", when, answers, err)
	}
	if f.operations() != operations || len(f.entriesOf(audit.Unseal, "Granted")) != grants {
		f.t.Errorf("%s: the token was asked, or a grant recorded", when)
	}
}

// TestAServiceThatDoesNotSeeGitOpensNothing: whoever stands between the service
// and Git hides the commit that revokes, in each way there is. At the bound the
// service stops opening; what needs no newer head goes on.
func TestAServiceThatDoesNotSeeGitOpensNothing(t *testing.T) {
	for name, hide := range map[string]func(f *fixture){
		"delayed":  func(f *fixture) { f.git.Hang() },
		"dropped":  func(f *fixture) { f.git.Drop(0) },
		"an error": func(f *fixture) { f.git.Refuse(http.StatusBadGateway) },
		// The next commit is covered by one that nobody accepts.
		"a tip that is not accepted": func(f *fixture) { f.commit(map[string]string{"fleet.yaml": "kind: Fleet\n"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // one of them waits for as long as a look may take
			f := boundFixture(t)
			operator := f.person("olga", config.RoleOperator, config.RoleAuditor)
			f.opens("before", f.eu, f.head)
			hide(f)
			placed := f.commit(map[string]string{"placements/payments.yaml": placementFile("payments", "payments", "set/all")})
			f.later(bound - time.Minute)
			f.opens("a minute before the bound", f.eu, f.head)
			f.later(bound + time.Minute)
			f.opensNothing("a new placement", f.us, placed)
			f.opensNothing("what was granted before", f.eu, f.head)
			_, err := operator.admin.Rewrap(t.Context(), &keyservicev1.RewrapRequest{Head: f.head, Digests: []string{f.digest}})
			var answer *connect.Error
			if !errors.As(err, &answer) || answer.Code() != connect.CodeUnavailable || answer.Message() != keyservicev1.ReasonStale {
				t.Errorf("rewrap: %v, want Unavailable for a stale repository", err)
			}

			f.eu.report(t, true, f.said(keyservicev1.SecretState_SECRET_STATE_PROVISIONED))
			f.eu.renew()
			if _, err := operator.admin.ReadAudit(t.Context(), f.eu.log, &keyservicev1.ListAuditRequest{Limit: 1}); err != nil {
				t.Errorf("the log is not read: %v", err)
			}
			if ready := f.get("/readyz"); !f.isReady() || !strings.Contains(ready, "stale: ") || !strings.Contains(ready, "repository.maxAge is 2h0m0s") {
				t.Errorf("readiness says\n%s", ready)
			}

			f.eventually("the log says so", func() bool { return strings.Contains(f.logs.String(), "nothing is opened until") })

			f.git.Heal()
			repaired := f.commit(map[string]string{"fleet.yaml": f.fleetFile(f.made.Key)})
			f.opens("when Git is seen again", f.us, repaired)
			f.eventually("the log says that it goes on", func() bool { return strings.Contains(f.logs.String(), "secrets are opened again") })
			if ready := f.get("/readyz"); strings.Contains(ready, "stale: ") {
				t.Errorf("readiness says\n%s", ready)
			}
		})
	}
}

// TestAQuietRepositoryIsNotStale: nothing is pushed for long, and looks find the
// accepted head.
func TestAQuietRepositoryIsNotStale(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := boundFixture(t)
	for n := range 4 {
		f.later(time.Duration(n+1) * (bound - time.Minute))
		f.look()
		f.opens("after a look", f.eu, f.head)
		seen, err := strconv.ParseFloat(f.metric(t, "bulla_keyservice_last_verified_look_timestamp_seconds"), 64)
		if age := float64(f.now().Unix()) - seen; err != nil || age < -1 || age > 60 {
			t.Errorf("the metric says that the look was %.0f seconds ago: %v", age, err)
		}
	}
	f.git.Refuse(http.StatusBadGateway)
	f.restart()
	f.opens("after a restart", f.eu, f.head)
}

// look makes the service look at the remote, by a revision that nobody has.
func (f *fixture) look() {
	f.t.Helper()
	_, _ = f.us.client.Unseal(f.t.Context(), strings.Repeat("1", 40), []string{f.digest})
}

func TestARestartMakesNothingFresh(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := boundFixture(t)
	f.git.Refuse(http.StatusBadGateway)
	f.later(bound - time.Minute)
	f.restart()
	f.opens("a minute before the bound", f.eu, f.head)
	f.later(bound + time.Minute)
	f.opensNothing("at the bound", f.eu, f.head)
	f.restart()
	f.opensNothing("after another restart", f.eu, f.head)
}

func TestAClockThatIsSetBackMakesNothingFresh(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := boundFixture(t)
	f.git.Refuse(http.StatusBadGateway)
	f.later(bound + time.Minute)
	f.look()
	f.opensNothing("at the bound", f.eu, f.head)
	f.later(-bound)
	f.opensNothing("with the clock set back", f.eu, f.head)
	f.restart()
	f.opensNothing("and after a restart", f.eu, f.head)
	f.git.Heal()
	f.look()
	f.opens("when Git is seen again", f.eu, f.head)
}

// TestALookOfAnotherReplicaCounts: the one that Git is hidden from learns from
// the database that the head in force is still the newest.
func TestALookOfAnotherReplicaCounts(t *testing.T) {
	f := sharedFixture(t, withBound)
	f.settle(f.head)
	remote, err := url.Parse(f.repo.URL())
	if err != nil {
		t.Fatal(err)
	}
	wire := proxy.ForTest(t, remote.Host)
	remote.Host = wire.Address()
	other := f.replica(withBound, func(w *world) { w.remote = remote.String() })
	other.opensInTime(f.head, f.digest) // a busy machine builds longer than a request waits
	other.opens("before", other.eu, f.head)
	wire.SetTargets() // it cannot reach Git any more
	wire.CutAll()
	f.later(bound + time.Minute)
	other.later(bound + time.Minute)
	other.opensNothing("before anybody looks", other.eu, f.head)
	f.look()
	other.opens("after the other one's look", other.eu, f.head)
}

// TestWithoutALookTheAcceptanceCounts: the database is of a version that kept no
// looks.
func TestWithoutALookTheAcceptanceCounts(t *testing.T) {
	f := boundFixture(t)
	f.git.Refuse(http.StatusBadGateway)
	f.stop()
	f.execStore("DELETE FROM looks")
	f.later(bound - time.Minute)
	f.restart()
	f.opens("a minute before the bound", f.eu, f.head)
	f.stop()
	f.execStore("DELETE FROM looks")
	f.later(bound + time.Minute)
	f.restart()
	f.opensNothing("at the bound", f.eu, f.head)
	f.git.Heal()
	f.look()
	f.opens("after the first look", f.eu, f.head)
}

// TestALookThatIsNotWrittenCountsUntilTheServiceStops: a row that cannot be
// written stops nobody, and makes nothing fresh that a restart would forget.
func TestALookThatIsNotWrittenCountsUntilTheServiceStops(t *testing.T) {
	t.Parallel() // it waits more than it computes
	f := boundFixture(t)
	f.execStore(`CREATE TRIGGER full BEFORE INSERT ON looks BEGIN SELECT RAISE(FAIL, 'disk full'); END`)
	f.later(bound + time.Minute)
	f.look()
	f.opens("after a look", f.eu, f.head)
	if ready := f.get("/readyz"); !f.isReady() || !strings.Contains(ready, "note: last look at the repository: record look: ") {
		t.Errorf("readiness says\n%s", ready)
	}
	f.git.Refuse(http.StatusBadGateway)
	f.restart()
	f.opensNothing("after a restart", f.eu, f.head)
	f.git.Heal()
	f.execStore("DROP TRIGGER full")
	f.look()
	f.opens("after the repair", f.eu, f.head)
}
