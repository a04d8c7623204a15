package console

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	api "github.com/bulla-dev/bulla/api/fleet"
	sealer "github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/sealing/reference"
)

// TestAReferenceIsChangedInABrowser: a value is typed, another one is made there, and what
// leaves is ciphertext. What makes the request is seen first, and nothing moves when the page
// is scrolled. The pages can be used by everybody.
func TestAReferenceIsChangedInABrowser(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "run", "./sealer/pack", "-level", "3", "-o", dir).
		CombinedOutput(); err != nil {
		t.Fatalf("build the sealer: %v: %s", err, out)
	}
	w, before := referred(t)
	w.console.sealer = openSealer(os.DirFS(dir))
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Security-Policy", sealer.PagePolicy)
		w.console.Handler().ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	b, secret := browser.ForTest(t), canary.New("of a reference")
	b.Open(t, server.URL+dbPage)
	b.Act(t, chromedp.Click(`a[href$="/change"]`), chromedp.WaitVisible(`input[name=key][value=user]`))
	const hidden = `getComputedStyle(document.querySelector(".made")).display === "none"`
	var none bool
	if b.Must(t, &none, hidden); !none {
		t.Error("length and alphabet are asked for where nothing is made")
	}
	b.Act(t, chromedp.Click(`input[name=key][value=user]`), chromedp.Click(`input[name=make][value=password]`))
	if b.Must(t, &none, hidden); none {
		t.Error("length and alphabet of what is made cannot be chosen")
	}
	b.Act(t, chromedp.Click("button.primary"), chromedp.WaitVisible("#seal button:enabled"))
	var asked int
	if b.Must(t, &asked, `document.querySelectorAll("#seal [data-key]").length`); asked != 1 {
		t.Errorf("%d values are asked for", asked)
	}
	b.Act(t, chromedp.SendKeys("#value-0", secret.Value()), chromedp.Click("#seal button.primary"),
		chromedp.WaitVisible(`form[action$="/propose"]`))
	const top = `document.querySelector(".decide button.primary").getBoundingClientRect().top`
	var at, then float64
	b.Must(t, &at, top)
	b.Must(t, nil, `document.querySelector("main").style.minHeight = "400vh"; scrollTo(0, 2000)`)
	b.Must(t, &then, top)
	if at <= 0 || at > 400 || then < 0 || then > at {
		t.Errorf("what makes the request is %.0f pixels from the top, and %.0f once the page is scrolled", at, then)
	}
	b.Act(t, chromedp.Click(".decide button.primary"))
	branch := ""
	wait.Until(t, "the branch is made", func() bool {
		branch = w.repo.Git(t, "for-each-ref", "--format=%(refname:short)", "refs/heads/bulla/")
		return branch != ""
	})
	file := w.repo.Git(t, "show", branch+":"+dbFile) + "\n"
	now, err := api.ParseSealedReference(dbFile, []byte(file))
	if err != nil || now.Spec.Stub.Digest == before.Spec.Stub.Digest {
		t.Fatalf("%v: %s", err, file)
	}
	stored := w.service.stored[now.Spec.Stub.Digest]
	if _, err := reference.Open(w.root.ID, now, stored); err != nil {
		t.Errorf("what the branch names is not in the store: %v", err)
	}
	if !strings.Contains(file, "bulla.dev/generate: password=32,alnum") {
		t.Errorf("how the password is made is gone: %s", file)
	}
	canary.Check(t, []canary.Canary{secret}, canary.Bytes("requests", b.Sent()), canary.Bytes("file", []byte(file)),
		canary.Bytes("store", stored), canary.Path(w.repo.Dir))
}
