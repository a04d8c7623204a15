package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console/draft"
	"github.com/bulla-dev/bulla/fixtures/softkey"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// recoverable gives the fleet a recovery recipient, without which no cluster has a lock of its own.
func (w *sealedWorld) recoverable() {
	identity, err := softkey.NewIdentity("recovery")
	if err != nil {
		w.t.Fatal(err)
	}
	w.spec.Serial++
	w.spec.RecoveryRecipients = []string{identity.Recipient()}
	w.repo.Commit(w.t, "recover", testfleet.Files{"fleet.yaml": w.root.File(w.t, &w.spec)})
	w.sealer = testfleet.SealerOf(w.t, &w.spec)
}

// sealIn does what a browser does with a draft, and gives what was written.
func (w *sealedWorld) sealIn(d draft.Draft, value string) string {
	w.t.Helper()
	fleet := w.browser()
	var blocks []api.Block
	for _, job := range w.jobsOf(d).Jobs {
		given := map[string][]byte{}
		for _, keys := range job.Blocks {
			for _, key := range keys {
				if job.Generate[key] == "" {
					given[key] = []byte(value)
				}
			}
		}
		sealed, err := fleet.Seal(job, given)
		if err != nil {
			w.t.Fatal(err)
		}
		blocks = append(blocks, sealed.Blocks...)
	}
	if wrong := w.posts("/drafts/"+d.ID+"/blocks", map[string]any{"blocks": blocks}); wrong != "" {
		w.t.Fatal(wrong)
	}
	d, err := w.console.drafts.Get(d.ID, d.Owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(d.Files[dbFile])
}

// TestASecretOfSingleClustersGetsAnother, and one of a set becomes one of single clusters,
// with no lock for the set beside them. A cluster in no set can be chosen.
func TestASecretOfSingleClustersGetsAnother(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.shows(dbPage+"/clusters", http.StatusOK, "needs a recovery recipient", "!value=\"cluster/one\"",
		"!Take away from", `For <code>set/stores</code> alone`, `href="`+dbPage+`/retire"`)
	w.recoverable()
	alone := strings.Replace(clusterFile(t, "alone"), "tier: store", "tier: none", 1)
	w.repo.Commit(t, "one in no set", testfleet.Files{"clusters/alone.yaml": alone,
		"clusters/said.yaml": clusterFile(t, "said") + "  vouchedBy: KeyService\n",
		"placements/app.yaml": testfleet.Placement("app", "apps/app", "app",
			"{clusterSet: stores}, {clusterName: alone}, {clusterName: said}")})
	w.shows(dbPage+"/clusters", http.StatusOK, `value="cluster/alone"`, `value="cluster/said" disabled`,
		"nobody compared its keys", "for no set any more")
	form := func(kind string, targets ...string) url.Values { return url.Values{"kind": {kind}, "target": targets} }
	d := w.leads(dbPage+"/draft", form("single", "cluster/alone", "cluster/one"))
	file := w.sealIn(d, "again")
	if strings.Contains(file, "set/") || !strings.Contains(file, "target: cluster/alone") {
		t.Fatal(file)
	}
	w.shows("/drafts/"+d.ID, http.StatusOK, "for cluster/alone, cluster/one alone", ">Make the pull request</button>")
	w.repo.Commit(t, "for two clusters", testfleet.Files{dbFile: file})
	w.shows(dbPage+"/clusters", http.StatusOK, "It is locked to single clusters", `value="cluster/two"`,
		`!<input type="checkbox" name="target" value="cluster/one"`, `!<option value="set/`)
	file = w.sealIn(w.leads(dbPage+"/draft", form("add", "cluster/two")), "again")
	for _, target := range []string{"cluster/one", "cluster/two", "cluster/alone"} {
		if strings.Count(file, "target: "+target) != 2 {
			t.Errorf("%s is not in each block:\n%s", target, file)
		}
	}
	for _, kind := range []string{"add", "single", "remove"} {
		if out := w.press(dbPage+"/draft", form(kind)); out.Code != http.StatusUnprocessableEntity ||
			!strings.Contains(out.Body.String(), "choose a set or a cluster") ||
			!strings.Contains(out.Body.String(), `value="cluster/two"`) {
			t.Errorf("%s for none does not lead on from where it was chosen: %d", kind, out.Code)
		}
	}
	if out := w.press(dbPage+"/draft", form("add", "set/stores")); out.Code != http.StatusUnprocessableEntity {
		t.Errorf("a set beside single clusters: %d", out.Code)
	}
	if out := w.press(dbPage+"/draft", form("single", "cluster/said")); out.Code != http.StatusUnprocessableEntity {
		t.Errorf("a cluster whose keys nobody compared: %d", out.Code)
	}
}
