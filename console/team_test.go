package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/fixtures/openid"
)

var noForge forge.Asked

// TestAPersonSignsInAndOut: a stranger is told in plain words what this is, and sees nothing.
func TestAPersonSignsInAndOut(t *testing.T) {
	w := startTeam(t)
	b := w.browser()
	if p := b.get("/"); !b.isOut() || strings.Contains(p.text, "Signed in as") || strings.Contains(p.text, "nobody") {
		t.Errorf("a stranger sees %s", p.text)
	}
	at := b.begin("/clusters?q=a")
	asked, _ := url.Parse(at)
	for name, want := range map[string]string{"code_challenge_method": "S256", "response_type": "code",
		"redirect_uri": w.url + "/callback"} {
		if asked.Query().Get(name) != want {
			t.Errorf("%s is %q", name, asked.Query().Get(name))
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(asked.Query().Get(name)) < 20 {
			t.Errorf("%s is %q", name, asked.Query().Get(name))
		}
	}
	p := b.get(b.back(at, ada))
	if p.StatusCode != http.StatusOK || p.Header.Get("Refresh") != "0; url=/clusters?q=a" ||
		p.Header.Get("Location") != "" {
		t.Fatalf("back from the provider: %d %v %s", p.StatusCode, p.Header, p.text)
	}
	for _, c := range p.Cookies() {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
			t.Errorf("a cookie: %v", c)
		}
		if c.Name == "__Host-bulla" && c.SameSite != http.SameSiteStrictMode {
			t.Errorf("the session's cookie: %v", c)
		}
	}
	if !b.isIn(ada) || w.Sessions.Len() != 1 {
		t.Fatalf("ada is not in: %s", b.get("/").text)
	}
	out := b.post("/sign-out", url.Values{})
	end, _ := url.Parse(strings.TrimPrefix(out.Header.Get("Refresh"), "0; url="))
	if out.StatusCode != http.StatusOK || !strings.HasPrefix(end.String(), w.provider.Issuer+"/end_session?") ||
		end.Query().Get("id_token_hint") != "" || strings.Contains(out.text, "Commit shown") {
		t.Errorf("signed out: %d %s %s", out.StatusCode, end, out.text)
	}
	if !b.isOut() || w.Sessions.Len() != 0 {
		t.Error("the session goes on")
	}
	// The provider leads back, to a page that says so.
	back := b.do(must(http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/signed-out", nil)))
	if back.StatusCode != http.StatusOK || !strings.Contains(back.text, "You are signed out") {
		t.Errorf("%d %s", back.StatusCode, back.text)
	}
	if said, err := w.provider.SignIn(t.Context(), end.String(), ""); err != nil || said != w.url+"/signed-out" {
		t.Errorf("the provider leads back to %q, %v", said, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestAnAnswerToAnotherSignInLetsNobodyIn: forged, stolen, of another provider, or brought by
// another browser; and a code is good once.
func TestAnAnswerToAnotherSignInLetsNobodyIn(t *testing.T) {
	w := startTeam(t)
	eve := w.browser()
	theirs := eve.back(eve.begin("/"), bob) // an answer of a sign-in that eve began, kept back
	stolen := must(url.Parse(theirs)).Query()
	set := func(name, value string) func(string) string {
		return func(good string) string { return openid.Changed(t, good, name, value) }
	}
	for name, change := range map[string]func(good string) string{
		"a stolen state":              set("state", stolen.Get("state")),
		"a guessed state":             set("state", "guessed"),
		"no state":                    set("state", ""),
		"two states":                  func(good string) string { return good + "&state=other" },
		"another sign-in's code":      set("code", stolen.Get("code")),
		"a code of nobody's":          set("code", "guessed"),
		"no code":                     set("code", ""),
		"two codes":                   func(good string) string { return good + "&code=other" },
		"another issuer's (mix-up)":   set("iss", "https://evil.example"),
		"a refusal, with its colours": set("error", "denied\x1b[31m<i>"),
		"an answer as a whole":        func(string) string { return theirs },
	} {
		b := w.browser()
		p := b.get(change(b.back(b.begin("/"), ada)))
		if p.StatusCode != http.StatusForbidden || !b.isOut() || strings.Contains(p.text, "\x1b") ||
			strings.Contains(p.text, "<i>") || !strings.Contains(p.text, "sign in:") {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.text)
		}
	}
	// Brought to a browser that began none: who opens the link would be in as somebody else.
	for name, b := range map[string]*visitor{"another browser": w.browser(), "one that began another": w.browser()} {
		if strings.HasPrefix(name, "one") {
			b.begin("/")
		}
		if p := b.get(theirs); p.StatusCode != http.StatusForbidden || !b.isOut() {
			t.Errorf("%s: %d %s", name, p.StatusCode, p.text)
		}
	}
	if w.Sessions.Len() != 0 {
		t.Errorf("%d sessions began", w.Sessions.Len())
	}
	// Played again, with the cookie of the sign-in too, a good answer is worth nothing.
	b := w.browser()
	good := b.back(b.begin("/"), ada)
	begun := b.cookie("sign-in")
	if p := b.get(good); p.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", p.StatusCode, p.text)
	}
	if b.cookie("sign-in") != nil {
		t.Error("the browser keeps what a sign-in was begun with")
	}
	again := w.browser()
	if p := again.get(good, "Cookie", begun.Name+"="+begun.Value); p.StatusCode != http.StatusForbidden ||
		!again.isOut() || !strings.Contains(p.text, "answered before") {
		t.Errorf("again: %d %s", p.StatusCode, p.text)
	}
	// Nor what was begun too long ago, or what somebody else made of the cookie.
	slow := w.browser()
	late := slow.back(slow.begin("/"), ada)
	w.later(11 * time.Minute)
	if p := slow.get(late); p.StatusCode != http.StatusForbidden || !strings.Contains(p.text, "too long") {
		t.Errorf("late: %d %s", p.StatusCode, p.text)
	}
	forger := w.browser()
	mine := forger.back(forger.begin("/"), ada)
	for _, value := range []string{"", "x", begun.Value + "A", begun.Value[:40], "e30"} {
		if p := w.browser().get(mine, "Cookie", begun.Name+"="+value); p.StatusCode != http.StatusForbidden {
			t.Errorf("a cookie %q: %d %s", value, p.StatusCode, p.text)
		}
	}
}

// TestOnlyTheProvidersTokenLetsIn: the token endpoint is the provider's, under its own
// certificate; what it gives is held to the rules all the same.
func TestOnlyTheProvidersTokenLetsIn(t *testing.T) {
	w := startTeam(t)
	public, id := w.provider.PublicKey()
	shared := jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: must(json.Marshal(
		jose.JSONWebKey{Key: public, KeyID: id})), KeyID: id}}
	claims := func(nonce string, changes map[string]any) map[string]any {
		all := map[string]any{"nonce": nonce, "aud": consoleID}
		for name, value := range changes {
			all[name] = value
		}
		return w.provider.Claims(ada, w.now(), all)
	}
	signed := func(changes map[string]any) func(string) string {
		return func(nonce string) string { return w.provider.Sign(t, claims(nonce, changes)) }
	}
	none := func(nonce string) string {
		return "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + strings.Split(signed(nil)(nonce), ".")[1] + "."
	}
	for name, c := range map[string]struct {
		token func(nonce string) string
		good  bool
	}{
		"the provider's":      {signed(nil), true},
		"of another nonce":    {signed(map[string]any{"nonce": "another"}), false},
		"without a nonce":     {signed(map[string]any{"nonce": nil}), false},
		"of another issuer":   {signed(map[string]any{"iss": "https://evil.example"}), false},
		"for another client":  {signed(map[string]any{"aud": openid.ClientID}), false},
		"expired":             {signed(map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}), false},
		"of the future":       {signed(map[string]any{"iat": time.Now().Add(time.Hour).Unix()}), false},
		"without a person":    {signed(map[string]any{"sub": ""}), false},
		"signed by none":      {none, false},
		"signed by its shown": {func(n string) string { return openid.SignBy(t, shared, claims(n, nil), "JWT") }, false},
		"an access token":     {func(n string) string { return w.provider.SignAs(t, claims(n, nil), "at+jwt") }, false},
		"nothing":             {func(string) string { return "" }, false},
	} {
		b := w.browser()
		at := b.begin("/")
		back := b.back(at, ada)
		nonce := must(url.Parse(at)).Query().Get("nonce")
		w.provider.Answers(func(out http.ResponseWriter, _ *http.Request) {
			out.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(out).Encode(map[string]any{"access_token": "x", "token_type": "Bearer",
				"expires_in": 3600, "id_token": c.token(nonce)})
		})
		p := b.get(back)
		if c.good != (p.StatusCode == http.StatusOK) || c.good != b.isIn(ada) || !c.good && !b.isOut() {
			t.Errorf("a token %s: %d %s", name, p.StatusCode, p.text)
		}
		w.provider.Answers(nil)
	}
}

// TestASessionThatSomebodyPutThereIsNobodys (session fixation): the name of a session is new
// with each sign-in, and the one before it is worth nothing.
func TestASessionThatSomebodyPutThereIsNobodys(t *testing.T) {
	w := startTeam(t)
	eve, victim := w.browser(), w.browser()
	eve.signIn(bob)
	planted := eve.cookie("bulla")
	at := must(url.Parse(w.url))
	for _, value := range []string{planted.Value, "chosen-by-eve"} {
		victim.Jar.SetCookies(at, []*http.Cookie{{Name: planted.Name, Value: value, Path: "/", Secure: true}})
		victim.signIn(ada)
		if now := victim.cookie("bulla").Value; now == value || len(now) < 40 || !victim.isIn(ada) {
			t.Errorf("the session of ada is %q", now)
		}
	}
	if eve.isIn(ada) || !eve.isOut() {
		t.Error("eve's session became ada's, or goes on")
	}
	// A second sign-in in one browser leaves no first session behind.
	before := victim.cookie("bulla")
	victim.signIn(bob)
	if p := w.browser().get("/", "Cookie", before.Name+"="+before.Value); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session before goes on: %d", p.StatusCode)
	}
}

// TestSignInLeadsNowhereElse (open redirect): whatever stands in next, the person goes on at
// the console.
func TestSignInLeadsNowhereElse(t *testing.T) {
	w := startTeam(t)
	for _, next := range []string{"https://evil.example", "//evil.example", "///evil.example", `/\evil.example`,
		`\\evil.example`, "/\t/evil.example", "/%09/evil.example", "/%2f%2fevil.example/..//", "javascript:alert(1)",
		"evil.example", "", "/a\r\nSet-Cookie: x=y", "/.//evil.example", "/..//evil.example", "http:evil.example",
		"https:/evil.example", "/" + strings.Repeat("a", 2000), "?x", "#x", "/ evil", "@evil.example"} {
		b := w.browser()
		p := b.get(b.back(b.begin(next), ada))
		if p.StatusCode != http.StatusOK || p.Header.Get("Refresh") != "0; url=/" || strings.Contains(p.text, "evil") ||
			p.Header.Get("Location") != "" {
			t.Errorf("next %q leads to %q, %q: %s", next, p.Header.Get("Refresh"), p.Header.Get("Location"), p.text)
		}
	}
	for _, next := range []string{"/", "/secrets/shop/shop/db?from=50", "/requests/bulla/x-1"} {
		b := w.browser()
		if p := b.get(b.back(b.begin(next), ada)); p.Header.Get("Refresh") != "0; url="+next {
			t.Errorf("next %q leads to %q", next, p.Header.Get("Refresh"))
		}
	}
}

// TestWhatReadsTheRepositoryPushesNothing: a team's console that knows no forge proposes
// nothing, whatever its own credentials may.
func TestWhatReadsTheRepositoryPushesNothing(t *testing.T) {
	w := startTeamOf(t, func(o *console.Options) {
		o.Proposals.Bars = fault.New("connect your account", "nothing is proposed in your name")
	}, "offline_access")
	b := w.browser()
	b.signIn(ada)
	made := b.post("/applications/"+firstApplication(t, b)+"/retire", url.Values{})
	at := made.Header.Get("Location")
	commit := proposedCommit.FindStringSubmatch(b.get(at).text)
	if commit == nil {
		t.Fatalf("a preview: %s", b.get(at).text)
	}
	if p := b.post(at+"/propose", url.Values{"commit": {commit[1]}}); p.StatusCode < 400 ||
		!strings.Contains(p.text, "nothing is proposed in your name") {
		t.Errorf("%d %s", p.StatusCode, p.text)
	}
	out, err := exec.Command("git", "-C", w.folder, "for-each-ref", "--format=%(refname)").Output()
	if err != nil || strings.TrimSpace(string(out)) != "refs/heads/main" {
		t.Errorf("branches: %s, %v", out, err)
	}
}

var proposedCommit = regexp.MustCompile(`name="commit" value="([0-9a-f]{40})"`)

// TestATeamWithoutAForgeIsToldSo: there is no git of a person's own that would push.
func TestATeamWithoutAForgeIsToldSo(t *testing.T) {
	b := startTeam(t).browser()
	b.signIn(ada)
	if p := b.get("/account"); !strings.Contains(p.text, "--forge") || strings.Contains(p.text, "your own git") {
		t.Errorf("%d %s", p.StatusCode, p.text)
	}
}
