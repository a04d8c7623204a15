package console_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
)

const (
	consoleID     = "bulla-console"
	consoleSecret = "canary-client-secret"
)

var (
	ada = openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"security"}}
	bob = openid.User{Name: "u-bob", Email: "bob@acme.example"}
)

// team is a console for a team over TLS, with a real provider. Its clock is the machine's
// until a test moves it.
type team struct {
	*console.Team
	t        *testing.T
	provider *openid.Provider
	url      string
	folder   string // of the clone
	roots    *x509.CertPool
	log      logged
	browsers int

	mu    sync.Mutex
	ahead time.Duration
	root  string
}

func (w *team) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// later moves the console's clock.
func (w *team) later(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += by
}

func startTeam(t *testing.T, scopes ...string) *team {
	t.Helper()
	return startTeamOf(t, func(*console.Options) {}, scopes...)
}

func startTeamOf(t *testing.T, change func(*console.Options), scopes ...string) *team {
	t.Helper()
	return startTeamFor(t, nil, change, scopes...)
}

// startTeamFor is one for the people of some groups.
func startTeamFor(t *testing.T, groups []string, change func(*console.Options), scopes ...string) *team {
	t.Helper()
	w := &team{t: t, provider: openid.ForTest(t), roots: x509.NewCertPool()}
	w.provider.Add(ada)
	w.provider.Add(bob)
	root, folder := testfleet.NewRoot(t), t.TempDir()
	spec := root.Spec(1)
	w.root, w.folder = root.Key, folder
	testfleet.Two().With(testfleet.Files{"fleet.yaml": root.File(t, &spec)}).Write(t, folder)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-qm", "fleet"}} {
		cmd := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	opened, err := clone.Open(folder, "refs/heads/main", kustomize.NewBuilder(kustomize.BuilderOptions{Concurrency: 1}))
	if err != nil {
		t.Fatal(err)
	}
	proposals, err := console.NewProposals(t.Context(), folder, "refs/heads/main", noForge,
		func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	options := console.Options{Clone: opened, Sealer: program(t), Proposals: proposals,
		RootKey: func(*api.Fleet) (string, error) { return w.root, nil }}
	change(&options)
	c, err := console.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	w.url = "https://" + server.Listener.Addr().String()
	w.provider.AddServer(consoleID, consoleSecret, w.url+console.SignInPath, w.url+console.SignedOutPath)
	client, err := signin.NewClient(signin.Provider{Issuer: w.provider.Issuer, ClientID: consoleID,
		CAFile: w.provider.CAFile, Scopes: append([]string{"openid", "email"}, scopes...)},
		signin.Server{Secret: consoleSecret, Back: w.url + console.SignInPath, GroupsClaim: "groups", Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	w.Team, err = c.Team(console.TeamOptions{URL: w.url, SignIn: client, Idle: 30 * time.Minute, Life: 8 * time.Hour,
		Groups: groups, Log: slog.New(slog.NewJSONHandler(&w.log, nil)), Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = w.Team
	server.StartTLS()
	t.Cleanup(server.Close)
	w.roots.AddCert(server.Certificate())
	return w
}

// visitor is one person's.
type visitor struct {
	*http.Client
	w *team
}

func (w *team) browser() *visitor {
	b := &visitor{newBrowser(w.t), w}
	w.browsers++
	// From an address of its own: what strangers ask for is counted by it.
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(w.browsers))}}
	b.Transport = &http.Transport{DisableKeepAlives: true, DialContext: from.DialContext,
		TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS12}}
	return b
}

// page is an answer, read.
type page struct {
	*http.Response
	text string
}

func (b *visitor) do(r *http.Request) page {
	b.w.t.Helper()
	answer, err := b.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return page{answer, strings.Join(strings.Fields(string(text)), " ")}
}

func (b *visitor) get(path string, headers ...string) page {
	b.w.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.w.url + path
	}
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

var token = regexp.MustCompile(`<meta name="csrf" content="([^"]+)">`)

// post sends a form of a page that the browser has.
func (b *visitor) post(path string, form url.Values) page {
	b.w.t.Helper()
	if found := token.FindStringSubmatch(b.get("/").text); found != nil {
		form.Set("csrf", found[1])
	}
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.w.url)
	return b.do(r)
}

// begin goes to the provider's page, as a person does who wants to be in.
func (b *visitor) begin(next string) (at string) {
	b.w.t.Helper()
	p := b.get("/sign-in?next=" + url.QueryEscape(next))
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), b.w.provider.Issuer) {
		b.w.t.Fatalf("to sign in: %d %s: %s", p.StatusCode, p.Header.Get("Location"), p.text)
	}
	return p.Header.Get("Location")
}

// back is where the provider sends somebody who signed in at its page.
func (b *visitor) back(at string, who openid.User) string {
	b.w.t.Helper()
	back, err := b.w.provider.SignIn(b.w.t.Context(), at, who.Name)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return back
}

// signIn is the whole of it.
func (b *visitor) signIn(who openid.User) page {
	b.w.t.Helper()
	p := b.get(b.back(b.begin("/"), who))
	if p.StatusCode != http.StatusOK {
		b.w.t.Fatalf("%s is not in: %d %s", who.Name, p.StatusCode, p.text)
	}
	return p
}

// isIn says whether the browser's person sees the fleet, under a name.
func (b *visitor) isIn(who openid.User) bool {
	b.w.t.Helper()
	p := b.get("/")
	return p.StatusCode == http.StatusOK && strings.Contains(p.text, "Commit shown") && strings.Contains(p.text, who.Email)
}

// isOut says whether it is a stranger's, and sees nothing.
func (b *visitor) isOut() bool {
	b.w.t.Helper()
	p := b.get("/")
	return p.StatusCode == http.StatusUnauthorized && strings.Contains(p.text, "Sign in at") &&
		!strings.Contains(p.text, "Commit shown")
}

// cookie is one of the console's, as the browser has it.
func (b *visitor) cookie(purpose string) *http.Cookie {
	at, _ := url.Parse(b.w.url)
	for _, c := range b.Jar.Cookies(at) {
		if strings.HasSuffix(c.Name, purpose) {
			return c
		}
	}
	return nil
}
