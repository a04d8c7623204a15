package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	sealer "github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
)

// TestPagesOfDraftsCanBeUsedByEverybody: what is asked of a secret that is there, and the look
// at what a change does, also where somebody else changed the same.
func TestPagesOfDraftsCanBeUsedByEverybody(t *testing.T) {
	w := newSealedWorld(t)
	w.proposes()
	w.recoverable()
	w.looked(t, "change", map[string]string{"change-value": dbPage + "/change", "change-clusters": dbPage + "/clusters",
		"change-rotate": dbPage + "/rotate", "change-retire": dbPage + "/retire", "placed": appPage + "/clusters"})
	away := w.leads(dbPage+"/draft", url.Values{"kind": {"away"}})
	w.looked(t, "data", map[string]string{"draft": "/drafts/" + away.ID})
	w.repo.Commit(t, "somebody else", testfleet.Files{dbFile: w.stub(t, map[string]string{"user": "x", "password": "y"})})
	w.looked(t, "moved", map[string]string{"draft": "/drafts/" + away.ID})
	w.repo.Commit(t, "one in no set", testfleet.Files{
		"clusters/alone.yaml": strings.Replace(clusterFile(t, "alone"), "tier: store", "tier: none", 1)})
	shut := w.leads(appPage+"/clusters", url.Values{"kind": {"join"}, "target": {"cluster/alone"}})
	w.looked(t, "shut", map[string]string{"draft": "/drafts/" + shut.ID})
}

// TestPagesOfReferencesCanBeUsedByEverybody: where they can be changed, where they cannot,
// and where a value is large.
func TestPagesOfReferencesCanBeUsedByEverybody(t *testing.T) {
	w, _ := referred(t)
	d := w.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "key": {"user"}})
	w.sealIn(d, "another")
	w.looked(t, "reference", map[string]string{"secret": dbPage, "change-value": dbPage + "/change",
		"draft": "/drafts/" + d.ID})
	w.service.roles = []string{"auditor"}
	w.looked(t, "may-not", map[string]string{"change-value": dbPage + "/change", "change-clusters": dbPage + "/clusters"})
	large := newSealedWorld(t)
	large.proposes()
	large.service.roles = []string{"developer"}
	d = large.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "key": {"user"}})
	large.sealIn(d, strings.Repeat("x", 200<<10))
	large.looked(t, "large", map[string]string{"draft": "/drafts/" + d.ID})
}

// TestThePageOfValuesCanBeUsedByEverybody, and keeps nothing of what was typed when somebody
// leaves it: a browser keeps the page, to go back to.
func TestThePageOfValuesCanBeUsedByEverybody(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "run", "./sealer/pack", "-level", "3", "-o", dir).
		CombinedOutput(); err != nil {
		t.Fatalf("build the sealer: %v: %s", err, out)
	}
	w := newSealedWorld(t)
	w.proposes()
	w.console.sealer = openSealer(os.DirFS(dir))
	mux := http.NewServeMux()
	mux.Handle("/sealer/", w.console.sealer)
	mux.Handle("/", w.console.Handler())
	d := w.leads(dbPage+"/draft", url.Values{"kind": {"change"}, "key": {"password", "user"}})
	lookAt(t, mux, "change", map[string]string{"values": "/drafts/" + d.ID + "/seal"})

	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Security-Policy", sealer.PagePolicy)
		mux.ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	b, secret := browser.ForTest(t), canary.New("typed and left")
	b.Open(t, server.URL+"/drafts/"+d.ID+"/seal")
	b.Act(t, chromedp.WaitVisible("#seal button:enabled"), chromedp.SendKeys("#value-0", secret.Value()))
	const typed = `[...document.querySelectorAll("#seal [data-key]")].map(f => f.value).join("")`
	var before, after string
	b.Must(t, &before, typed)
	b.Must(t, nil, `dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }))`)
	b.Must(t, &after, typed)
	if before != secret.Value() || after != "" {
		t.Errorf("%d characters were typed, and %d are kept", len(before), len(after))
	}
	canary.Check(t, []canary.Canary{secret}, canary.Bytes("requests", b.Sent()))
}

// TestALostClusterCanBeAnsweredByEverybody: the page with its buttons.
func TestALostClusterCanBeAnsweredByEverybody(t *testing.T) {
	w := newSealedWorld(t)
	w.granted("one", time.Now().Add(-time.Hour))
	w.looked(t, "member", map[string]string{"lost": "/lost/one"})
	w.repo.Commit(t, "suspend", testfleet.Files{"clusters/one.yaml": strings.TrimRight(clusterFile(t, "one"), "\n") +
		"\n  suspend: true\n"})
	w.looked(t, "suspended", map[string]string{"lost": "/lost/one"})
}
