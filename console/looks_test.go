package console

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	sealer "github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/axe"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// looked looks at pages of a world.
func (w *world) looked(t *testing.T, state string, paths map[string]string) {
	w.t.Helper()
	snapshot, err := w.console.clone.Snapshot(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	// A page that is still being read shows itself again while it is looked at.
	if _, err := snapshot.Built(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	lookAt(t, w.console.Handler(), state, paths)
}

// lookAt opens pages in Chromium, with the policy that guards give them, one
// after the other in one browser.
func lookAt(t *testing.T, pages http.Handler, state string, paths map[string]string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Security-Policy", sealer.PagePolicy)
		pages.ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	b := browser.ForTest(t)
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		axe.Check(t, b, name+"-"+state, server.URL+paths[name])
	}
}

var fleetPages = map[string]string{
	"fleet": "/", "application": "/applications/payments", "clusters": "/clusters", "cluster": "/clusters/prod-eu",
}

// TestPagesOfTheFleetCanBeUsedByEverybody with what clusters say, with problems, without a
// key service, and with none that answers.
func TestPagesOfTheFleetCanBeUsedByEverybody(t *testing.T) {
	t.Run("data", func(t *testing.T) {
		w := exampleWorld(t, testfleet.Plain())
		w.login(&said{ledger: w.reported()})
		w.looked(t, "data", fleetPages)
	})
	t.Run("problems", func(t *testing.T) {
		w := exampleWorld(t, testfleet.Plain())
		answer := w.reported()
		for _, c := range answer.GetClusters() {
			d := c.GetState().GetDeliveries()[0]
			d.Ready, d.Reason, d.Message = keyservicev1.Readiness_READINESS_NOT_READY, "ApplyFailed", "no such kind"
		}
		answer.Refused = &keyservicev1.RefusedTip{Tip: "abc", Reason: "CommitNotVerified", Since: answer.GetTime()}
		w.login(&said{ledger: answer})
		w.looked(t, "problems", fleetPages)
	})
	t.Run("not asked", func(t *testing.T) {
		w := exampleWorld(t, testfleet.Plain())
		w.person.NotAsked = fault.New("run `bulla login --oidc`", "no login for this fleet")
		w.looked(t, "not-asked", map[string]string{"fleet": "/", "cluster": "/clusters/prod-eu"})
	})
	t.Run("unreachable", func(t *testing.T) {
		w := exampleWorld(t, testfleet.Plain())
		w.login(&said{err: fault.New("is it running?", "ask the key service: connection refused")})
		w.looked(t, "unreachable", map[string]string{"fleet": "/", "cluster": "/clusters/prod-eu"})
	})
	t.Run("many", func(t *testing.T) {
		w := newWorld(t, many(300, 40))
		w.login(&said{ledger: w.reported()})
		w.looked(t, "many", map[string]string{"fleet": "/", "clusters": "/clusters"})
	})
	t.Run("not found", func(t *testing.T) {
		newWorld(t, many(1, 1)).looked(t, "error", map[string]string{"cluster": "/clusters/none"})
	})
}

var secretPages = map[string]string{
	"secrets": "/secrets", "secret": dbPage, "who": "/who", "audit": "/audit", "lost": "/lost/one", "keys": "/keys",
	"enrolment": "/enrolment",
}

// TestPagesOfSecretsCanBeUsedByEverybody with a log, with an empty one, and with none that
// can be read.
func TestPagesOfSecretsCanBeUsedByEverybody(t *testing.T) {
	t.Run("data", func(t *testing.T) {
		w := newSealedWorld(t)
		for i := range 30 {
			w.granted([]string{"one", "two"}[i%2], time.Now().Add(-time.Duration(i)*time.Hour))
		}
		now := time.Now().UnixMicro()
		w.service.ledger.Clusters = []*keyservicev1.LedgerCluster{{Cluster: "one", Member: true, Reported: now,
			Secrets: []*keyservicev1.LedgerSecret{{PlacedDigest: w.digest, Since: now, Reported: now,
				Secret: &keyservicev1.SecretReport{Placement: "app", Namespace: "app", Name: "db", Digest: w.digest,
					State: keyservicev1.SecretState_SECRET_STATE_IN_USE, Workloads: []string{"Deployment/api"}}}}}}
		w.looked(t, "data", secretPages)
	})
	t.Run("unreadable", func(t *testing.T) {
		w := newSealedWorld(t)
		w.service.refuse = errors.New("the log cannot be read: connection refused")
		w.looked(t, "unreadable", map[string]string{"secret": dbPage, "who": "/who", "audit": "/audit", "keys": "/keys"})
	})
}
