package console

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/console/reached"
	"github.com/bulla-dev/bulla/desk/ledger"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

const appPage = "/applications/app"

// TestAnApplicationIsTakenFromOneClusterAndPlacedOnMore, each as one line of its placement,
// and the preview says what goes and what does not open.
func TestAnApplicationIsTakenFromOneClusterAndPlacedOnMore(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.repo.Commit(t, "one in no set", testfleet.Files{
		"clusters/alone.yaml": strings.Replace(clusterFile(t, "alone"), "tier: store", "tier: none", 1)})
	w.shows(appPage, http.StatusOK, `href="`+appPage+`/clusters"`)
	w.shows(appPage+"/clusters", http.StatusOK, "It is on 2 clusters",
		"It is on <code>set/stores</code>, and nowhere else",
		`href="`+appPage+`/retire"`, "Take away from one", "Take away from two", `value="cluster/alone"`,
		"!Take away from set/stores", `!<option value="set/stores"`)
	form := func(kind, target string) url.Values { return url.Values{"kind": {kind}, "target": {target}} }

	d := w.leads(appPage+"/clusters", form("leave", "cluster/two"))
	w.shows("/drafts/"+d.ID, http.StatusOK, "app: take away from cluster/two", "Lost", "app/db",
		">Make the pull request</button>")
	w.repo.Commit(t, "without two", testfleet.Files{"placements/app.yaml": string(d.Files["placements/app.yaml"])})
	w.shows(appPage+"/clusters", http.StatusOK, "It is on 1 cluster",
		"It is on <code>cluster/one</code>, and nowhere else",
		`value="cluster/two"`, `<option value="set/stores"`)

	d = w.leads(appPage+"/clusters", form("join", "cluster/alone"))
	w.shows("/drafts/"+d.ID, http.StatusOK, "app: place on cluster/alone", "What does not open where it is placed",
		"app/db does not open on alone", "app waits there")
	w.repo.Commit(t, "alone too", testfleet.Files{"placements/app.yaml": string(d.Files["placements/app.yaml"])})
	w.shows(appPage+"/clusters", http.StatusOK, "Take away from cluster/one", "Take away from cluster/alone")
}

// TestAPlaceThatIsNoneLeadsOnFromWhereItWasChosen.
func TestAPlaceThatIsNoneLeadsOnFromWhereItWasChosen(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	for _, test := range []struct {
		path, target, kind string
		status             int
		want               string
	}{
		{appPage, "", "leave", http.StatusUnprocessableEntity, "choose a set or a cluster"},
		{appPage, "<b>", "join", http.StatusUnprocessableEntity, "choose a set or a cluster"},
		{appPage, "cluster/none", "join", http.StatusUnprocessableEntity, "the fleet has no"},
		{appPage, "set/stores", "leave", http.StatusUnprocessableEntity, "retire the application"},
		{appPage, "set/stores", "retire", http.StatusNotFound, "no such change"},
		{"/applications/none", "set/stores", "leave", http.StatusUnprocessableEntity, "there is no application"},
	} {
		out := w.press(test.path+"/clusters", url.Values{"kind": {test.kind}, "target": {test.target}})
		if out.Code != test.status || !strings.Contains(out.Body.String(), test.want) {
			t.Errorf("%s %q: %d, no %q in %s", test.kind, test.target, out.Code, test.want, out.Body)
		}
	}
	w.shows("/applications/none/clusters", http.StatusNotFound, "there is no application")
}

// TestAClusterThatWasLeftIsSaidToBeGone, and waited for until it is.
func TestAClusterThatWasLeftIsSaidToBeGone(t *testing.T) {
	status := &ledger.Status{Placements: []ledger.Placement{{Name: "shop", Clusters: []string{"one"}}},
		Clusters: []ledger.Cluster{
			{Name: "one", Secrets: []ledger.Secret{{Placement: "shop", State: "InUse", Match: ledger.Current}}},
			{Name: "two", Secrets: []ledger.Secret{{Placement: "shop", State: "InUse", Match: ledger.NotPlaced}}}}}
	has := func(context.Context, string, string) (bool, error) { return true, nil }
	on := func() followed {
		d, err := reached.On(t.Context(), has, status, []string{"shop"}, "merged")
		if err != nil {
			t.Fatal(err)
		}
		return followed{Merged: "merged", Accepted: true, Delivery: d}
	}
	if f := on(); f.State() != "delivering" || f.Delivery.Gone != 0 {
		t.Errorf("its secret stands there: %s, %+v", f.State(), f.Delivery)
	}
	status.Clusters[1].Secrets[0] = ledger.Secret{Placement: "shop", State: "Deprovisioned", Match: ledger.None}
	if f := on(); f.State() != "in use" || f.Delivery.InUse != 1 || f.Delivery.Gone != 1 || f.Step() != len(f.Steps()) {
		t.Errorf("it is gone: %s, %+v", f.State(), f.Delivery)
	}
}
