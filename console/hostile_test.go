package console

import (
	"net/http"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// evil is what a stranger writes wherever something is written.
const evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{.Body}}\u202ejs.\x1b[2J\x00" +
	"javascript:alert(3)';DROP TABLE--"

// TestTheHostileFleetIsShown: folders in folders, two overlays of one base, prefixes.
func TestTheHostileFleetIsShown(t *testing.T) {
	w := exampleWorld(t, testfleet.Hostile())
	w.login(&said{ledger: w.reported()})
	w.shows("/", http.StatusOK, "shop-blue", "till", "In use</span>", "set/stores")
	for _, name := range []string{"shop-blue", "shop-green", "till", "tenants"} {
		w.shows("/applications/"+name, http.StatusOK, name)
	}
	w.shows("/clusters/store-001", http.StatusOK, "stores", "till")
}

// TestNamesOfStrangersStayHarmless: in commits, in files, and in all that clusters say.
func TestNamesOfStrangersStayHarmless(t *testing.T) {
	w := newWorld(t, testfleet.Two().With(testfleet.Files{
		"placements/bad.yaml": "kind: Placement\nmetadata: {name: \"<script>alert(1)</script>\u202e\"}\n",
		"apps/app/a.yaml":     testfleet.ConfigMap("a"),
	}))
	w.repo.Commit(t, strings.ReplaceAll(evil, "\x00", ""), testfleet.Files{"apps/app/b.yaml": testfleet.ConfigMap("b")})
	answer := w.reported()
	for _, c := range answer.GetClusters() {
		c.State.Version = evil
		c.State.Suspended = &keyservicev1.Suspension{By: evil}
		for _, d := range c.GetState().GetDeliveries() {
			d.Ready, d.Reason, d.Message, d.Variant = keyservicev1.Readiness_READINESS_NOT_READY, evil, evil, evil
		}
		c.State.Deliveries = append(c.State.Deliveries, &keyservicev1.DeliveryState{Placement: evil, Message: evil})
		for _, s := range c.GetSecrets() {
			s.Secret.Namespace, s.Secret.Name, s.Secret.Workloads, s.NeverPlaced = evil, evil, []string{evil}, true
		}
	}
	answer.Clusters = append(answer.Clusters, &keyservicev1.LedgerCluster{Cluster: evil, Member: true})
	answer.Denials = []*keyservicev1.Denial{{Reason: evil, Person: evil, Placement: evil, Cluster: evil}}
	answer.Refused = &keyservicev1.RefusedTip{Tip: evil, Reason: evil, Since: 1}
	w.login(&said{ledger: answer})
	for _, path := range []string{"/?problems=all", "/?rows=all", "/applications/app?problems=all", "/clusters",
		"/clusters/one?problems=all", "/clusters/nobody", "/?q=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE"} {
		page := w.get(path).Body.String()
		for _, harm := range []string{"<script>alert", "<img src", "\u202e", "\x1b", "\x00", `href="javascript`, "map["} {
			if strings.Contains(page, harm) {
				t.Errorf("%s has %q", path, harm)
			}
		}
		if !strings.Contains(page, "</html>") {
			t.Errorf("%s is cut short", path)
		}
	}
}
