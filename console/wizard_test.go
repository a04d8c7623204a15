package console_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
)

const workloadFile = `apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers: [{name: api, image: "example.com/api:1"}]
`

// startWizard is a console on loopback, over a fleet with an application on two clusters.
func startWizard(t *testing.T, sealer string) (*testfleet.Repository, *console.Local, *console.Console) {
	t.Helper()
	root := testfleet.NewRoot(t)
	spec := root.Spec(1)
	repo := testfleet.NewRepository(t, testfleet.Two().With(testfleet.Files{
		"fleet.yaml": root.File(t, &spec), "apps/app/api.yaml": workloadFile,
		"apps/app/kustomization.yaml": "resources:\n- a.yaml\n- api.yaml\n",
	}))
	repo.Git(t, "config", "user.name", "Ada Developer")
	repo.Git(t, "config", "user.email", "ada@acme.example")
	at, err := clone.Open(repo.Dir, "refs/heads/main", kustomize.NewBuilder(kustomize.BuilderOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	proposals, err := console.NewProposals(t.Context(), repo.Dir, "refs/heads/main", forge.Asked{},
		func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	o := console.Options{Clone: at, Proposals: proposals,
		RootKey: func(*api.Fleet) (string, error) { return root.Key, nil },
		Who:     func(*http.Request) (console.Person, error) { return console.Person{}, nil }}
	if sealer != "" {
		o.Sealer = os.DirFS(sealer)
	}
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	local := c.Local(listener.Addr().(*net.TCPAddr).Port, slog.New(slog.NewTextHandler(io.Discard, nil)))
	server := httptest.NewUnstartedServer(local)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return repo, local, c
}

// TestSomebodyWhoNeverSawYAMLGivesAPassword to one application on two clusters, as a
// variable of its environment. No byte of it leaves the browser but sealed.
func TestSomebodyWhoNeverSawYAMLGivesAPassword(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "run", "./sealer/pack", "-level", "3", "-o", dir).
		CombinedOutput(); err != nil {
		t.Fatalf("build the sealer: %v: %s", err, out)
	}
	repo, local, _ := startWizard(t, dir)
	b := browser.ForTest(t)
	secret := canary.New("database password")
	b.Open(t, local.Link)
	b.Act(t, chromedp.WaitVisible("#problems"), chromedp.Click(`nav.main a[href="/new"]`),
		chromedp.Click(`input[name=application][value=app]`), chromedp.Click("button.primary"),
		chromedp.WaitVisible("#name"), chromedp.Click(`input[name=shape][value=password]`),
		chromedp.SendKeys("#name", "payments-db"), chromedp.Click("button.primary"),
		chromedp.WaitVisible("#prefix"), chromedp.SendKeys("#prefix", "DB_"), chromedp.Click("button.primary"),
		chromedp.WaitVisible(`input[name=set]`))
	// Back keeps what was typed.
	b.Act(t, chromedp.Click(`button[form=back]`), chromedp.WaitVisible("#prefix"))
	var kept string
	if b.Must(t, &kept, `document.getElementById("prefix").value`); kept != "DB_" {
		t.Errorf("Back lost the prefix: %q", kept)
	}
	b.Act(t, chromedp.Click("button.primary"), chromedp.WaitVisible(`input[name=set]`), chromedp.Click("button.primary"),
		chromedp.WaitVisible("#seal button:enabled"))
	var named int
	if b.Must(t, &named, `document.querySelectorAll("#seal [name]").length`); named != 0 {
		t.Errorf("%d fields for values have a name: a form could submit them", named)
	}
	b.Act(t, chromedp.Click("#seal button.primary"), chromedp.WaitVisible("[data-wrong]:not(:empty)"))
	var wrong string
	if b.Must(t, &wrong, `document.querySelector("[data-wrong]").textContent`); !strings.Contains(wrong, "is empty") {
		t.Errorf("an empty value: %q", wrong)
	}
	b.Act(t, chromedp.SendKeys("#value-0", secret.Value()), chromedp.Click("#seal button.primary"),
		chromedp.WaitVisible(`form[action$="/propose"]`))
	var shown string
	b.Must(t, &shown, "document.body.innerText")
	for _, text := range []string{"payments-db", "Deployment", "restarted", "DB_PASSWORD"} {
		if !strings.Contains(shown, text) {
			t.Errorf("the preview does not say %q:\n%s", text, shown)
		}
	}
	b.Act(t, chromedp.Click(`form[action$="/propose"] button.primary`))
	branch := ""
	wait.Until(t, "the branch is made", func() bool {
		branch = repo.Git(t, "for-each-ref", "--format=%(refname:short)", "refs/heads/bulla/")
		return branch != ""
	})
	file := repo.Git(t, "show", branch+":apps/app/payments-db.yaml")
	if !strings.Contains(file, "DB_PASSWORD") || !strings.Contains(file, "set/stores") {
		t.Error(file)
	}
	canary.Check(t, []canary.Canary{secret}, canary.Bytes("requests", b.Sent()), canary.Bytes("console", []byte(b.Said())),
		canary.Bytes("file", []byte(file)), canary.Path(repo.Dir))
	if strays := b.Strays(); len(strays) > 0 {
		t.Errorf("the page asked elsewhere: %v", strays)
	}
}

// TestHostileTextsStayTextsInEveryField and are told by what they are.
func TestHostileTextsStayTextsInEveryField(t *testing.T) {
	_, _, c := startWizard(t, "")
	for _, text := range []string{"<script>alert(1)</script>", "{{.Body}}", "'; DROP TABLE drafts; --"} {
		for _, name := range []string{"application", "shape", "name", "keys", "prefix", "path", "set", "step", "way"} {
			q := map[string][]string{"application": {"app"}, "shape": {"password"}, "name": {"db"}, "way": {"env"}}
			q[name] = []string{text}
			out := wizardPage(t, c, q)
			if strings.Contains(out, "<script>alert") || strings.Contains(out, "map[") {
				t.Errorf("%s: %q is no text on the page", name, text)
			}
		}
	}
}

func wizardPage(t *testing.T, c *console.Console, query map[string][]string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/new?"+url.Values(query).Encode(), nil)
	out := httptest.NewRecorder()
	c.Handler().ServeHTTP(out, r)
	return out.Body.String()
}
