package console_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/fixtures/canary"
	standin "github.com/bulla-dev/bulla/fixtures/forge"
	"github.com/bulla-dev/bulla/fixtures/wait"
	"github.com/bulla-dev/bulla/kustomize"
)

const callback = "https://console.example.com" + console.ForgeCallback

// colleagues are people at one console, whose fleet is at a real Gitea.
type colleagues struct {
	*asking

	gitea *standin.Gitea
	pages *console.Console
	now   console.Person
	said  strings.Builder
}

// colleaguesAt is a console that holds nobody's right to push.
func colleaguesAt(t *testing.T, oauth bool) *colleagues {
	t.Helper()
	g, err := standin.StartGitea(t)
	if errors.Is(err, standin.ErrNoGitea) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &colleagues{asking: askingFor(t, nil), gitea: g}
	address := g.URL + "/" + g.Repository + ".git"
	_, err = c.repo.Git("remote", "set-url", "origin", strings.Replace(address, "://", "://ann:"+g.Password+"@", 1))
	c.must(err)
	_, err = c.repo.Push()
	c.must(err)
	c.must(g.Took("main"))
	// What follows has the address alone.
	_, err = c.repo.Git("remote", "set-url", "origin", address)
	c.must(err)
	config := forgelogin.Config{Kind: "gitea", URL: g.URL}
	if oauth {
		config.Callback = callback
		config.ClientID, config.ClientSecret, err = g.Application(callback)
		c.must(err)
	}
	accounts, err := forgelogin.New(config)
	c.must(err)
	const branch = "refs/remotes/origin/main"
	at, err := clone.Open(c.repo.Dir(), branch, kustomize.NewBuilder(kustomize.BuilderOptions{}))
	c.must(err)
	none := func(string) string { return "" }
	shared, err := console.NewProposals(t.Context(), c.repo.Dir(), branch, forge.Asked{}, none)
	c.must(err)
	shared.Git.Env = c.proposals.Git.Env
	c.pages, err = console.New(console.Options{Clone: at, Proposals: shared, Accounts: accounts,
		Who: func(*http.Request) (console.Person, error) { return c.now, nil }})
	c.must(err)
	for name, full := range map[string]string{"rob": "Rob Reviewer", "eve": ""} {
		c.must(g.Join(name, full))
	}
	return c
}

func (c *colleagues) token(name string, scopes ...string) string {
	c.Helper()
	token, err := c.gitea.TokenOf(name, scopes...)
	c.must(err)
	return token
}

// as has a person ask from here on, with a session of their own.
func (c *colleagues) as(name, email string) *forgelogin.Held {
	held := &forgelogin.Held{}
	c.now = console.Person{Name: name, Email: email, Forge: held}
	return held
}

func (c *colleagues) page(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	c.pages.Handler().ServeHTTP(w, httptest.NewRequestWithContext(c.Context(), http.MethodGet, path, nil))
	c.said.WriteString(w.Body.String() + w.Header().Get("Location"))
	return w
}

func (c *colleagues) press(path string, form url.Values) *httptest.ResponseRecorder {
	c.Helper()
	w := pressed(c.T, c.pages, path, form)
	c.said.WriteString(w.Body.String() + w.Header().Get("Location"))
	return w
}

// draft is a change that a person looked at: its address, and the commit that was shown.
func (c *colleagues) draft() (at string, looked url.Values) {
	c.Helper()
	at = c.press("/applications/app/retire", nil).Header().Get("Location")
	shown := commitField.FindStringSubmatch(c.page(at).Body.String())
	if shown == nil {
		c.Fatalf("%s shows no commit", at)
	}
	return at, url.Values{"commit": {shown[1]}}
}

var refreshed = regexp.MustCompile(`^0; url=(.*)$`)

// TestPeopleRequestAsThemselves at a real Gitea: one has pasted a token, one came by OAuth.
// Branch and pull request are each one's own, the commit's author is who signed in, and no
// token is on a page, in the clone, or in what git was told by arguments.
func TestPeopleRequestAsThemselves(t *testing.T) {
	c := colleaguesAt(t, true)
	robs := c.token("rob", "read:user", "write:repository", "write:issue")

	c.as("Robert R", "rob@people.example")
	at, looked := c.draft()
	sent := c.press(at+"/propose", looked)
	if sent.Header().Get("Location") != "/account" {
		t.Fatalf("without an account: %d, %s", sent.Code, sent.Body)
	}
	if page := c.page("/account").Body.String(); !strings.Contains(page, "Your change is kept") {
		t.Errorf("the page does not say so:\n%s", page)
	}
	if w := c.press("/account/forge/paste", url.Values{"token": {robs}}); w.Header().Get("Location") != "/account" {
		t.Fatalf("paste: %d, %s", w.Code, w.Body)
	}
	page := c.page("/account").Body.String()
	for _, text := range []string{"Connected as <b>rob</b>", "(Rob Reviewer)", `href="` + at + `"`} {
		if !strings.Contains(page, text) {
			t.Errorf("no %q in\n%s", text, page)
		}
	}
	c.opened(at, looked, 1, "rob", "Robert R <rob@people.example>")

	held := c.as("Eve E", "eve@people.example")
	led := refreshed.FindStringSubmatch(c.press("/account/forge/begin", nil).Header().Get("Refresh"))
	if led == nil || !strings.HasPrefix(led[1], c.gitea.URL+"/login/oauth/authorize?") {
		t.Fatalf("it leads to %q", led)
	}
	back, err := c.gitea.Grant("eve", html.UnescapeString(led[1]))
	c.must(err)
	if !strings.HasPrefix(back.String(), callback) {
		t.Fatalf("it leads back to %s", back)
	}
	// Somebody else's browser, with a session of their own, gets nothing by the same link.
	c.as("Mallory", "mallory@people.example")
	if w := c.page(back.RequestURI()); w.Code != http.StatusForbidden || c.now.Forge.Account() != nil {
		t.Errorf("another session takes the answer: %d", w.Code)
	}
	c.now = console.Person{Name: "Eve E", Email: "eve@people.example", Forge: held}
	if w := c.page(back.RequestURI()); w.Header().Get("Location") != "/account" || held.Account().Login != "eve" {
		t.Fatalf("%d, %s", w.Code, w.Body)
	}
	if w := c.page(back.RequestURI()); w.Code != http.StatusForbidden {
		t.Errorf("the answer is taken twice: %d", w.Code)
	}
	at, looked = c.draft()
	c.opened(at, looked, 2, "eve", "Eve E <eve@people.example>")
	if shown := c.page("/requests").Body.String(); !strings.Contains(shown, "Pull request 2") {
		t.Errorf("requests:\n%s", shown)
	}
	c.press("/account/forge/forget", nil)
	if held.Account() != nil {
		t.Error("it is not forgotten")
	}
	canary.Check(t, []canary.Canary{canary.Of("a pasted token", robs)}, canary.Path(c.repo.Dir()),
		canary.Bytes("pages", []byte(c.said.String())))
}

// opened has the draft requested, and holds the pull request to whose it is.
func (c *colleagues) opened(at string, looked url.Values, number int, login, author string) {
	c.Helper()
	var branch string
	wait.For(c.T, "the request is made", func() error { // who is told that Gitea is late presses again
		w := c.press(at+"/propose", looked)
		var ok bool
		if branch, ok = strings.CutPrefix(w.Header().Get("Location"), "/requests/"); ok {
			return nil
		}
		err := fmt.Errorf("%d, %s", w.Code, w.Body)
		if strings.Contains(w.Body.String(), "Try again") {
			return err
		}
		return wait.Final{Err: err}
	})
	var request struct {
		User struct{ Login string }
		Head struct{ Ref, Sha string }
	}
	c.must(c.gitea.Ask(http.MethodGet, "/repos/"+c.gitea.Repository+"/pulls/"+string(rune('0'+number)), nil, &request))
	if request.User.Login != login || request.Head.Ref != branch || request.Head.Sha != looked.Get("commit") {
		c.Errorf("pull request %d: %+v", number, request)
	}
	made, err := c.repo.Git("show", "--no-patch", "--format=%an <%ae>", looked.Get("commit"))
	if c.must(err); made != author {
		c.Errorf("the commit is by %s, want %s", made, author)
	}
}

// TestATokenWithoutRightsLosesNoDraft: what is wrong is said, with what to do; a better
// token goes on from there.
func TestATokenWithoutRightsLosesNoDraft(t *testing.T) {
	c := colleaguesAt(t, false)
	c.must(c.gitea.Ask(http.MethodPut, "/repos/"+c.gitea.Repository+"/collaborators/eve",
		map[string]any{"permission": "read"}, nil))
	c.as("Eve E", "eve@people.example")
	at, looked := c.draft()
	for _, pasted := range []string{rand.Text() + rand.Text(), c.token("eve", "write:repository")} {
		w := c.press("/account/forge/paste", url.Values{"token": {pasted}})
		if w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), pasted) ||
			!strings.Contains(w.Body.String(), "read:user, write:repository and write:issue") {
			t.Errorf("%d, %s", w.Code, w.Body)
		}
	}
	for name, token := range map[string]string{"who may only read": c.token("eve", "read:user", "write:repository"),
		"that may only read": c.token("rob", "read:user", "read:repository")} {
		c.press("/account/forge/paste", url.Values{"token": {token}})
		w := c.press(at+"/propose", looked)
		if w.Code < 400 || !strings.Contains(w.Body.String(), "may not push a branch there, or its token may not") ||
			strings.Contains(w.Body.String(), token) {
			t.Errorf("a token %s: %d, %s", name, w.Code, w.Body)
		}
		if shown := c.page(at).Body.String(); !strings.Contains(shown, looked.Get("commit")) {
			t.Errorf("the draft is lost: %s", shown)
		}
	}
	c.press("/account/forge/paste", url.Values{"token": {c.token("rob", "read:user", "write:repository", "write:issue")}})
	c.opened(at, looked, 1, "rob", "Eve E <eve@people.example>")
}

// TestNobodyPushesWithoutTheirAccount: the clone's own credentials could, and do not.
func TestNobodyPushesWithoutTheirAccount(t *testing.T) {
	a := askingFor(t, nil)
	accounts, err := forgelogin.New(forgelogin.Config{Kind: "gitea", URL: "http://127.0.0.1:1"})
	a.must(err)
	at, err := clone.Open(a.repo.Dir(), "refs/remotes/origin/main", kustomize.NewBuilder(kustomize.BuilderOptions{}))
	a.must(err)
	person := console.Person{Name: "Ann", Email: "ann@people.example", Forge: &forgelogin.Held{}}
	c, err := console.New(console.Options{Clone: at, Proposals: a.proposals, Accounts: accounts,
		Who: func(*http.Request) (console.Person, error) { return person, nil }})
	a.must(err)
	draft := pressed(t, c, "/applications/app/retire", nil).Header().Get("Location")
	shown := httptest.NewRecorder()
	c.Handler().ServeHTTP(shown, httptest.NewRequestWithContext(t.Context(), http.MethodGet, draft, nil))
	looked := commitField.FindStringSubmatch(shown.Body.String())
	if looked == nil {
		t.Fatalf("%s: %s", draft, shown.Body)
	}
	sent := pressed(t, c, draft+"/propose", url.Values{"commit": {looked[1]}})
	branches, _, err := a.proposals.Git.Branches(t.Context())
	if err != nil || len(branches) > 0 || sent.Header().Get("Location") != "/account" {
		t.Errorf("%d, branches %v, %v", sent.Code, branches, err)
	}
	person.Forge = nil
	if sent := pressed(t, c, draft+"/propose", url.Values{"commit": {looked[1]}}); sent.Code < 400 {
		t.Errorf("without a place for an account: %d", sent.Code)
	}
}
