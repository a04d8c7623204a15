package signin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/fixtures/openid"
)

// TestAProviderThatNamesItselfMustDoSo: RFC 9207. The provider of the fixtures does not, so
// its answers are written here.
func TestAProviderThatNamesItselfMustDoSo(t *testing.T) {
	const issuer = "https://login.example.com"
	for name, c := range map[string]struct {
		namesItself bool
		iss         []string
		good        bool
	}{
		"it does, and does":              {true, []string{issuer}, true},
		"it does, and does not":          {true, nil, false},
		"it does, as another":            {true, []string{"https://evil.example"}, false},
		"it does not":                    {false, nil, true},
		"it does not, and does":          {false, []string{issuer}, true},
		"it does not, and is another":    {false, []string{"https://evil.example"}, false},
		"it does, as itself and another": {true, []string{issuer, "https://evil.example"}, false},
	} {
		back := newCallback("127.0.0.1:1", issuer, c.namesItself)
		q := url.Values{"state": {back.state}, "code": {"c"}, "iss": c.iss}
		if c.iss == nil {
			q.Del("iss")
		}
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:1/callback?"+q.Encode(), nil)
		back.ServeHTTP(httptest.NewRecorder(), r)
		code, err := back.wait(t.Context())
		if (err == nil) != c.good || c.good != (code == "c") || !c.good && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %q, %v", name, code, err)
		}
		// The same answer once more is none.
		back.answers <- answer{}
		again := httptest.NewRecorder()
		if back.ServeHTTP(again, r); again.Code != http.StatusGone {
			t.Errorf("%s: played again: %d", name, again.Code)
		}
	}
}

// TestATokenOfAnotherSignInIsNotTaken: it is the provider's, for the person and the client,
// and was given for another nonce.
func TestATokenOfAnotherSignInIsNotTaken(t *testing.T) {
	p := openid.ForTest(t)
	ada := openid.User{Name: "u-ada"}
	s, err := Provider{Issuer: p.Issuer, ClientID: openid.ClientID, CAFile: p.CAFile}.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for nonce, good := range map[string]bool{"mine": true, "another": false, "": false} {
		token := p.Sign(t, p.Claims(ada, time.Now(), map[string]any{"nonce": nonce}))
		answer := (&oauth2.Token{}).WithExtra(map[string]any{"id_token": token})
		if _, err := s.read(context.WithoutCancel(t.Context()), answer, "mine"); (err == nil) != good ||
			!good && !errors.Is(err, ErrForeign) {
			t.Errorf("of nonce %q: %v", nonce, err)
		}
	}
	if _, err := s.read(t.Context(), &oauth2.Token{}, "mine"); !errors.Is(err, ErrNoToken) {
		t.Errorf("no token: %v", err)
	}
}
