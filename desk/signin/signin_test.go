package signin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

var ada = openid.User{Name: "u-ada", Email: "ada@acme.example", Groups: []string{"security"}}

func newProvider(t *testing.T) (*openid.Provider, signin.Provider) {
	t.Helper()
	p := openid.ForTest(t)
	p.Add(ada)
	return p, signin.Provider{Issuer: p.Issuer, ClientID: openid.ClientID, CAFile: p.CAFile,
		Scopes: []string{"openid", "email", "offline_access"}}
}

// get is a browser that goes to a page, and nowhere that it sends.
func get(t *testing.T, page string) (status int, text string, header http.Header) {
	t.Helper()
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), answer.Header
}

// signIn has somebody sign in; the browser does with the page as it is told.
func signIn(t *testing.T, at signin.Provider, browse func(page string)) (signin.Tokens, error) {
	t.Helper()
	var done sync.WaitGroup
	defer done.Wait()
	return at.Browser(t.Context(), signin.Browser{Say: io.Discard, Open: func(page string) error {
		done.Go(func() { browse(page) })
		return nil
	}})
}

func TestSomebodySignsInByABrowser(t *testing.T) {
	p, at := newProvider(t)
	got, err := signIn(t, at, func(page string) {
		asked, _ := url.Parse(page)
		for name, want := range map[string]string{"code_challenge_method": "S256", "response_type": "code"} {
			if asked.Query().Get(name) != want {
				t.Errorf("%s is %q in %s", name, asked.Query().Get(name), page)
			}
		}
		back, err := p.SignIn(t.Context(), page, ada.Name)
		if err != nil {
			t.Error(err)
			return
		}
		if status, text, header := get(t, back); status != http.StatusOK || header.Get("Location") != "" ||
			!strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("the page at the end: %d %s %v", status, text, header)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Claims.Subject != ada.Name || got.Claims.Email != ada.Email || got.ID == "" || got.Refresh == "" {
		t.Errorf("%+v", got.Claims)
	}
	again, err := at.Refresh(t.Context(), signin.Before{Refresh: got.Refresh, Subject: ada.Name})
	if err != nil || again.Claims.Subject != ada.Name || again.Refresh == got.Refresh {
		t.Errorf("made anew: %+v, %v", again.Claims, err)
	}
	// What was used once is used up: at the provider, and so here.
	if _, err := at.Refresh(t.Context(), signin.Before{Refresh: got.Refresh, Subject: ada.Name}); err == nil {
		t.Error("a refresh token is good twice")
	}
	bob := signin.Before{Refresh: again.Refresh, Subject: "u-bob"}
	if _, err := at.Refresh(t.Context(), bob); !errors.Is(err, signin.ErrForeign) {
		t.Errorf("a token for another person: %v", err)
	}
}

// TestAnotherRefreshTokenIsNotLost: where the keys cannot be had by which a token is verified,
// the one before was spent all the same, and shown again it would be a theft to the provider.
func TestAnotherRefreshTokenIsNotLost(t *testing.T) {
	p, at := newProvider(t)
	got, err := signIn(t, at, func(page string) { _ = openid.Browse(t.Context(), at.CAFile, page, ada.Name) })
	if err != nil {
		t.Fatal(err)
	}
	p.Answers(func(w http.ResponseWriter, r *http.Request) {
		p.Answers(nil)
		p.ServeHTTP(w, r)
		p.Down(true)
	})
	next, err := at.Refresh(t.Context(), signin.Before{Refresh: got.Refresh, Subject: ada.Name})
	if !signin.IsAway(err) || next.Refresh == "" || next.Refresh == got.Refresh || next.ID != "" {
		t.Fatalf("a provider that gives no keys: %v, %+v", err, next.Claims)
	}
	p.Down(false)
	if _, err := at.Refresh(t.Context(), signin.Before{Refresh: next.Refresh, Subject: ada.Name}); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestSomebodySignsInByACode(t *testing.T) {
	p, at := newProvider(t)
	said := &text{}
	done := make(chan error, 1)
	var got signin.Tokens
	go func() {
		var err error
		got, err = at.Device(t.Context(), said)
		done <- err
	}()
	code := regexp.MustCompile(`for you alone: (\S+)`)
	wait.Until(t, "the code is said", func() bool { return code.MatchString(said.String()) })
	if err := p.EnterCode(t.Context(), code.FindStringSubmatch(said.String())[1], ada.Name); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || got.Claims.Subject != ada.Name {
		t.Errorf("%+v, %v", got.Claims, err)
	}
}

// text is written by one, and read by another.
type text struct {
	mu sync.Mutex
	of bytes.Buffer
}

func (b *text) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.Write(p)
}

func (b *text) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of.String()
}

// TestNobodyElsesAnswerIsTaken: what a page in the browser sends to the callback neither
// signs in nor ends the sign-in; an answer with the state that names another provider ends
// it.
func TestNobodyElsesAnswerIsTaken(t *testing.T) {
	p, at := newProvider(t)
	var host, good string
	got, err := signIn(t, at, func(page string) {
		back, err := p.SignIn(t.Context(), page, ada.Name)
		if err != nil {
			t.Error(err)
			return
		}
		good = back
		u, _ := url.Parse(back)
		host = u.Host
		for name, forged := range map[string]string{
			"without a state":     "http://" + host + "/callback?code=x",
			"of another state":    openid.Changed(t, back, "state", "guessed"),
			"of two states":       back + "&state=other",
			"at another path":     strings.Replace(back, "/callback", "/", 1),
			"by another name":     strings.Replace(back, "127.0.0.1", "localhost", 1),
			"to go somewhere":     "http://" + host + "/callback?state=x&redirect_uri=https://evil.example&next=//evil.example",
			"a path to go to":     "http://" + host + "//evil.example/callback",
			"an answer of nobody": "http://" + host + "/callback?error=access_denied&state=",
		} {
			status, text, header := get(t, forged)
			if status < 400 || header.Get("Location") != "" || strings.Contains(text, "evil") {
				t.Errorf("an answer %s: %d %s", name, status, text)
			}
		}
		get(t, back)
	})
	if err != nil || got.Claims.Subject != ada.Name {
		t.Fatalf("after forged answers: %+v, %v", got.Claims, err)
	}
	if _, err := http.Get(good); err == nil {
		t.Error("the callback is served after its end: an answer could be played again")
	}
	for name, c := range map[string]struct{ set, value, want string }{
		"a mix-up":           {"iss", "https://login.example.com", "of another provider"},
		"an empty issuer":    {"iss", "", "of another provider"},
		"a refusal":          {"error", "access_denied\x1b[31m", "refuses it"},
		"a code of nobody's": {"code", "stolen", "refuses it"},
		"no code":            {"code", "", "no code"},
	} {
		_, err := signIn(t, at, func(page string) {
			back, err := p.SignIn(t.Context(), page, ada.Name)
			if err != nil {
				t.Error(err)
				return
			}
			get(t, openid.Changed(t, back, c.set, c.value))
		})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestAnotherSignInsCodeIsNotTaken: an attacker signs in as themselves, and has their code
// brought to somebody else's sign-in, whose state they came by (session fixation). The code
// is bound to the attacker's own challenge.
func TestAnotherSignInsCodeIsNotTaken(t *testing.T) {
	p, at := newProvider(t)
	eve := openid.User{Name: "u-eve", Email: "eve@acme.example"}
	p.Add(eve)
	var codes []string
	ctx, cancel := context.WithCancel(t.Context())
	_, err := at.Browser(ctx, signin.Browser{Say: io.Discard, Open: func(page string) error {
		back, err := p.SignIn(t.Context(), page, eve.Name)
		u, _ := url.Parse(back)
		codes = append(codes, u.Query().Get("code"))
		cancel()
		return err
	}})
	if !errors.Is(err, context.Canceled) || len(codes) != 1 || codes[0] == "" {
		t.Fatalf("eve's own: %v, %q", err, codes)
	}
	got, err := signIn(t, at, func(page string) {
		back, err := p.SignIn(t.Context(), page, ada.Name)
		if err != nil {
			t.Error(err)
			return
		}
		get(t, openid.Changed(t, back, "code", codes[0]))
	})
	if err == nil {
		t.Errorf("ada signed in as %s", got.Claims.Subject)
	}
}

func TestAProviderThatIsNotOne(t *testing.T) {
	p, at := newProvider(t)
	for name, change := range map[string]func(*signin.Provider){
		"another issuer's page":  func(o *signin.Provider) { o.Issuer += "/other" },
		"nobody":                 func(o *signin.Provider) { o.Issuer = "https://127.0.0.1:1" },
		"in the clear":           func(o *signin.Provider) { o.Issuer = "http" + strings.TrimPrefix(p.Issuer, "https") },
		"of a stranger's root":   func(o *signin.Provider) { o.CAFile = "" },
		"a file that is not one": func(o *signin.Provider) { o.CAFile = "/nowhere.pem" },
	} {
		other := at
		change(&other)
		if _, err := other.Browser(t.Context(), signin.Browser{Say: io.Discard}); err == nil {
			t.Errorf("%s: signed in", name)
		}
		if _, err := other.Device(t.Context(), io.Discard); err == nil {
			t.Errorf("%s: signed in by a code", name)
		}
	}
}
