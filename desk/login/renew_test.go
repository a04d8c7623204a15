package login

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/fixtures/openid"
)

// TestTheNextRefreshTokenStaysInTheFile though no token came with it: the one before is spent.
func TestTheNextRefreshTokenStaysInTheFile(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	p := openid.ForTest(t)
	p.Answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token": "a", "token_type": "bearer", "refresh_token": "next"}`))
	})
	store, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string]time.Duration{"still good": time.Hour, "ended": -time.Minute} {
		one := &Session{Provider: signin.Provider{Issuer: p.Issuer, ClientID: openid.ClientID, CAFile: p.CAFile},
			Subject: "u-ada", IDToken: "token", RefreshToken: "first", Issued: time.Now().Add(-2 * time.Hour),
			Expires: time.Now().Add(left)}
		if err := store.Put(Login{Fleet: "acme", OIDC: one}); err != nil {
			t.Fatal(err)
		}
		raw, err := store.token(t.Context(), "acme")
		if left > 0 && raw != "token" || left < 0 && !errors.Is(err, signin.ErrNoToken) {
			t.Errorf("%s: %q, %v", name, raw, err)
		}
		if kept, err := store.Find("acme"); err != nil || kept.OIDC.RefreshToken != "next" {
			t.Errorf("%s: the next one is not kept: %v", name, err)
		}
	}
}
