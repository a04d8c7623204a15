package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestASessionEndsWhenThePersonsTokenDoes, and says so; where the provider gives what another
// is had for, it goes on until the provider refuses that.
func TestASessionEndsWhenThePersonsTokenDoes(t *testing.T) {
	w := startTeam(t)
	b := w.browser()
	b.signIn(ada)
	use(t, b, 59*time.Minute)
	if !b.isIn(ada) {
		t.Error("out before the end of the token")
	}
	w.later(2 * time.Minute)
	if p := b.get("/"); p.StatusCode != http.StatusUnauthorized || !strings.Contains(p.text, "you were signed out") ||
		!strings.Contains(p.text, "the provider let you in until") || strings.Contains(p.text, "Commit shown") {
		t.Errorf("after its end: %d %s", p.StatusCode, p.text)
	}
	if w.Sessions.Len() != 0 || !b.isOut() {
		t.Error("the session goes on")
	}
}

// use has a person look at a page every ten minutes, until a time has gone by.
func use(t *testing.T, b *visitor, during time.Duration) {
	t.Helper()
	for ; during > 0; during -= 10 * time.Minute {
		b.w.later(min(during, 10*time.Minute))
		if p := b.get("/"); p.StatusCode != http.StatusOK {
			t.Fatalf("%v before: %d %s", during, p.StatusCode, p.text)
		}
	}
}

// TestWhoIsThrownOutAtTheProviderIsOutHere: a session with a refresh token is asked about
// every eight minutes. A provider that is away throws nobody out.
func TestWhoIsThrownOutAtTheProviderIsOutHere(t *testing.T) {
	w := startTeam(t, "offline_access")
	b, other := w.browser(), w.browser()
	b.signIn(ada)
	other.signIn(bob)
	tokens := w.provider.Asked(openid.TokenPath)
	w.later(7 * time.Minute)
	if !b.isIn(ada) || w.provider.Asked(openid.TokenPath) != tokens {
		t.Error("a token that is fresh was made anew")
	}
	w.later(2 * time.Minute)
	if !b.isIn(ada) || w.provider.Asked(openid.TokenPath) != tokens+1 {
		t.Errorf("a token that is old was not made anew: %s", b.get("/").text)
	}
	if err := w.provider.ThrowOut(t.Context(), consoleID, ada.Name); err != nil {
		t.Fatal(err)
	}
	w.later(9 * time.Minute)
	if p := b.get("/clusters"); p.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(p.text, "you were signed out") || !strings.Contains(p.text, "the provider") ||
		strings.Contains(p.text, "Commit shown") {
		t.Errorf("thrown out: %d %s", p.StatusCode, p.text)
	}
	if !b.isOut() || !other.isIn(bob) || w.Sessions.Len() != 1 {
		t.Error("ada is in, or bob out")
	}
	w.provider.Down(true)
	w.later(9 * time.Minute)
	if !other.isIn(bob) {
		t.Errorf("the provider is away, and the token good: %s", other.get("/").text)
	}
}

// TestAProviderThatIsAwayThrowsNobodyOut: once the token ended there is no page, and the
// session goes on when it is back.
func TestAProviderThatIsAwayThrowsNobodyOut(t *testing.T) {
	w := startTeam(t, "offline_access")
	w.provider.Life(20 * time.Minute)
	b := w.browser()
	b.signIn(ada)
	w.provider.Down(true)
	w.later(22 * time.Minute)
	if p := b.get("/"); p.StatusCode != http.StatusServiceUnavailable || !strings.Contains(p.text, "you stay signed in") ||
		strings.Contains(p.text, "frontend") || w.Sessions.Len() != 1 {
		t.Errorf("the token ended, and the provider is away: %d %s", p.StatusCode, p.text)
	}
	w.provider.Down(false)
	w.provider.Life(2 * time.Hour)
	wait.Until(t, "the provider is asked again", func() bool { return b.isIn(ada) })
}

// TestAPageThatIsClosedEndsNoSession: the provider gives another refresh token with each ID
// token, and takes the one before no more. What it gave to nobody is kept all the same.
func TestAPageThatIsClosedEndsNoSession(t *testing.T) {
	w := startTeam(t, "offline_access")
	b := w.browser()
	b.signIn(ada)
	w.later(9 * time.Minute)
	ctx, closePage := context.WithCancel(t.Context())
	defer closePage()
	given := make(chan int, 1)
	w.provider.Answers(func(out http.ResponseWriter, r *http.Request) {
		w.provider.Answers(nil)
		answer := httptest.NewRecorder()
		w.provider.ServeHTTP(answer, r)
		closePage()
		select {
		case <-r.Context().Done(): // the console hung up
		case <-time.After(300 * time.Millisecond):
		}
		given <- answer.Code
		out.Header().Set("Content-Type", "application/json")
		_, _ = out.Write(answer.Body.Bytes())
	})
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
	r.Host = strings.TrimPrefix(w.url, "https://")
	r.AddCookie(b.cookie("bulla"))
	w.ServeHTTP(httptest.NewRecorder(), r)
	if code := wait.Receive(t, "the provider is asked", given); code != http.StatusOK {
		t.Fatalf("the provider gave nothing: %d", code)
	}
	if p := b.get("/"); p.StatusCode != http.StatusOK || !b.isIn(ada) {
		t.Errorf("who closed a page is out: %d %s", p.StatusCode, p.text)
	}
	w.later(9 * time.Minute)
	if !b.isIn(ada) {
		t.Error("out with the next token")
	}
}

// somebodyElse leads to the provider's sign-out, which leads back: at its sign-in the same
// person would come back.
var somebodyElse = regexp.MustCompile(
	`href="https://[^"]*post_logout_redirect_uri=[^"]*signed-out[^"]*">Sign in as somebody else<`)

// TestWhoIsInNoGroupIsNotIn: where a console is for some groups, others are told that, and not
// which ones; and who is taken out of them is out with their next token.
func TestWhoIsInNoGroupIsNotIn(t *testing.T) {
	w := startTeamFor(t, []string{"security", "canary-group"}, func(*console.Options) {}, "offline_access")
	other := openid.User{Name: "u-eve", Email: "eve@acme.example", Groups: []string{"Security", "secur", "developers"}}
	w.provider.Add(other)
	b := w.browser()
	for who, want := range map[*openid.User]string{&bob: "names no group that you are in", &other: "none of your groups"} {
		p := b.get(b.back(b.begin("/"), *who))
		if p.StatusCode != http.StatusForbidden || !b.isOut() || !strings.Contains(p.text, want) ||
			!strings.Contains(p.text, who.Email) || strings.Contains(p.text, "canary-group") || p.Header.Get("Refresh") != "" ||
			!somebodyElse.MatchString(p.text) {
			t.Errorf("%s: %d %s", who.Name, p.StatusCode, p.text)
		}
	}
	if !strings.Contains(string(w.log.text()), `"subject":"u-eve"`) {
		t.Error("an operator does not see who was not let in")
	}
	b.signIn(ada)
	if !b.isIn(ada) {
		t.Fatal("ada is not in")
	}
	gone := ada
	gone.Groups = other.Groups
	w.provider.Add(gone)
	w.later(9 * time.Minute)
	if p := b.get("/clusters"); p.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(p.text, "none of your groups") || !b.isOut() || w.Sessions.Len() != 0 ||
		!somebodyElse.MatchString(p.text) {
		t.Errorf("who was taken out of the group: %d %s", p.StatusCode, p.text)
	}
}

// TestASessionEndsByItself: unused, or old, whatever the token; a page that asks for itself
// is nobody's use.
func TestASessionEndsByItself(t *testing.T) {
	w := startTeam(t, "offline_access")
	w.provider.Life(24 * time.Hour)
	b := w.browser()
	b.signIn(ada)
	for range 4 {
		w.later(8 * time.Minute)
		b.get("/", "HX-Request", "true")
	}
	if !b.isOut() {
		t.Error("in, though nobody used it for half an hour")
	}
	b.signIn(ada)
	use(t, b, 7*time.Hour+50*time.Minute)
	w.later(11 * time.Minute)
	if !b.isOut() {
		t.Error("in, after eight hours")
	}
}

// TestAClockThatIsWrongIsSaid: neither a token of the past nor one of the future lets in.
func TestAClockThatIsWrongIsSaid(t *testing.T) {
	for by, want := range map[time.Duration]string{2 * time.Hour: "the token ended at", -time.Hour: "of the future"} {
		w := startTeam(t)
		w.later(by)
		b := w.browser()
		p := b.get(b.back(b.begin("/"), ada))
		if p.StatusCode != http.StatusForbidden || !strings.Contains(p.text, want) || !b.isOut() {
			t.Errorf("off by %v: %d %s", by, p.StatusCode, p.text)
		}
	}
}

// TestOnePersonsSessionServesNobodyElse: neither a draft nor an account at the forge, even
// where both have one name, and the form of one is not the other's.
func TestOnePersonsSessionServesNobodyElse(t *testing.T) {
	forge := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/user" || !strings.HasSuffix(r.Header.Get("Authorization"), "canary-forge-token") {
			http.Error(out, "no", http.StatusUnauthorized)
			return
		}
		_, _ = out.Write([]byte(`{"id":1,"login":"ada-at-the-forge","full_name":"Ada","email":"ada@acme.example"}`))
	}))
	defer forge.Close()
	accounts, err := forgelogin.New(forgelogin.Config{Kind: "gitea", URL: forge.URL})
	if err != nil {
		t.Fatal(err)
	}
	w := startTeamOf(t, func(o *console.Options) { o.Accounts = accounts }, "offline_access")
	same := openid.User{Name: "u-eve", Email: ada.Email} // the address was ada's before
	w.provider.Add(same)
	first, second, again := w.browser(), w.browser(), w.browser()
	first.signIn(ada)
	second.signIn(same)
	made := first.post("/applications/"+firstApplication(t, first)+"/retire", url.Values{})
	at := made.Header.Get("Location")
	if made.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "/drafts/") {
		t.Fatalf("a draft: %d %s %s", made.StatusCode, at, made.text)
	}
	if p := first.get(at); p.StatusCode != http.StatusOK {
		t.Errorf("ada's draft: %d %s", p.StatusCode, p.text)
	}
	for _, path := range []string{at, at + "/seal"} {
		if p := second.get(path); p.StatusCode != http.StatusNotFound {
			t.Errorf("another's: %d %s", p.StatusCode, p.text)
		}
	}
	second.post(at+"/drop", url.Values{})
	if p := first.get(at); p.StatusCode != http.StatusOK {
		t.Errorf("another dropped it: %d", p.StatusCode)
	}
	// A second session of the same person has their drafts, and not the account.
	again.signIn(ada)
	if p := again.get(at); p.StatusCode != http.StatusOK {
		t.Errorf("ada's draft in another browser: %d", p.StatusCode)
	}
	if p := first.post("/account/forge/paste", url.Values{"token": {"canary-forge-token"}}); p.StatusCode >= 400 {
		t.Fatalf("an account: %d %s", p.StatusCode, p.text)
	}
	if p := first.get("/account"); !strings.Contains(p.text, "ada-at-the-forge") {
		t.Errorf("ada's account: %s", p.text)
	}
	for name, b := range map[string]*visitor{"another": second, "ada elsewhere": again} {
		if p := b.get("/account"); strings.Contains(p.text, "ada-at-the-forge") || p.StatusCode != http.StatusOK {
			t.Errorf("the account of %s: %d %s", name, p.StatusCode, p.text)
		}
	}
	// The token of one's form is worth nothing beside the other's cookie.
	csrf := token.FindStringSubmatch(first.get("/").text)[1]
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/sign-out",
		strings.NewReader(url.Values{"csrf": {csrf}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if p := second.do(r); p.StatusCode != http.StatusForbidden || !second.isIn(same) {
		t.Errorf("a form of another's: %d %s", p.StatusCode, p.text)
	}
	first.post("/sign-out", url.Values{})
	first.signIn(ada)
	if p := first.get("/account"); strings.Contains(p.text, "ada-at-the-forge") {
		t.Error("the account outlives the session")
	}
	log := string(w.log.text())
	for _, never := range []string{"canary-forge-token", consoleSecret, ada.Email, csrf, "code=", "eyJ",
		"drafts/" + at[8:]} {
		if strings.Contains(log, never) {
			t.Errorf("the log has %q", never)
		}
	}
	if !strings.Contains(log, `"route":"POST /sign-out"`) {
		t.Errorf("the log: %s", log)
	}
}

var applicationLink = regexp.MustCompile(`href="/applications/([a-z0-9-]+)"`)

func firstApplication(t *testing.T, b *visitor) string {
	t.Helper()
	found := applicationLink.FindStringSubmatch(b.get("/").text)
	if found == nil {
		t.Fatal("no application is shown")
	}
	return found[1]
}

// TestALinkFromElsewhereFindsTheSession: browsers keep the cookie back from a navigation that
// another site began, so the page asks once more, by itself; and no other request does.
func TestALinkFromElsewhereFindsTheSession(t *testing.T) {
	w := startTeam(t)
	stranger := w.browser()
	from := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	p := stranger.get("/clusters?q=a", from...)
	if p.Header.Get("Refresh") != "0; url=/clusters?q=a" || strings.Contains(p.text, "Commit shown") {
		t.Errorf("%d %v %s", p.StatusCode, p.Header, p.text)
	}
	from[1] = "same-origin" // what the page itself asks for then
	if p = stranger.get("/clusters?q=a", from...); p.StatusCode != http.StatusUnauthorized ||
		p.Header.Get("Refresh") != "" || !strings.Contains(p.text, "/sign-in?next=%2Fclusters%3Fq%3Da") {
		t.Errorf("%d %v %s", p.StatusCode, p.Header, p.text)
	}
	if p = stranger.get("/clusters", "HX-Request", "true"); p.StatusCode != http.StatusUnauthorized ||
		strings.Contains(p.text, "<html") || !strings.Contains(p.text, "/sign-in?next=%2F\"") {
		t.Errorf("a part: %d %s", p.StatusCode, p.text)
	}
	// What looks ahead begins no sign-in, and another site's frame shows none.
	for _, ahead := range [][]string{{"Sec-Purpose", "prefetch"},
		{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate"}} {
		if p := stranger.get("/sign-in", ahead...); p.StatusCode == http.StatusSeeOther || len(p.Cookies()) > 0 {
			t.Errorf("%v: %d %v", ahead, p.StatusCode, p.Cookies())
		}
	}
}

var referenceOf = regexp.MustCompile(`the reference ([A-Z0-9]{8})`)

// TestAProviderThatIsAwayIsSaid, and not why, which names what is inside: a
// stranger gets a reference for whoever reads the log. A person who is in stays in.
func TestAProviderThatIsAwayIsSaid(t *testing.T) {
	w := startTeam(t)
	b, late := w.browser(), w.browser()
	b.signIn(ada)
	back := late.back(late.begin("/"), bob)
	w.provider.Down(true)
	inside := strings.TrimPrefix(w.provider.Issuer, "https://")
	told := func(when string, p page) {
		t.Helper()
		reference := referenceOf.FindStringSubmatch(p.text)
		if p.StatusCode != http.StatusBadGateway || !strings.Contains(p.text, "cannot be asked now") || reference == nil {
			t.Fatalf("%s: %d %s", when, p.StatusCode, p.text)
		}
		if strings.Contains(p.text, inside) || strings.Contains(p.text, "503") {
			t.Errorf("%s a stranger is told why: %s", when, p.text)
		}
		log := string(w.log.text())
		_, line, _ := strings.Cut(log, `"reference":"`+reference[1]+`"`)
		line, _, _ = strings.Cut(line, "\n")
		if !strings.Contains(line, "503") && !strings.Contains(line, inside) {
			t.Errorf("%s an operator who looks for %s is told nothing: %s", when, reference[1], log)
		}
	}
	told("at the end", late.get(back))
	w.later(11 * time.Minute) // what it said of itself is looked at again
	told("at the beginning", late.get("/sign-in"))
	if !b.isIn(ada) {
		t.Error("ada is out")
	}
}
