package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
)

func tokensOf(subject string, expires time.Time) signin.Tokens {
	return signin.Tokens{ID: "canary-id-token", Refresh: "canary-refresh-token", Claims: idtoken.Claims{
		Issuer: "https://login.example.com", Subject: subject, Email: "ada@acme.example",
		Issued: time.Now(), Expires: expires}}
}

func aProvider() *provider {
	return &provider{now: time.Now, log: slog.New(slog.DiscardHandler), places: make(chan struct{}, mostAsking)}
}

// TestNothingPrintsWhatASessionKeeps: however somebody prints, writes or logs it.
func TestNothingPrintsWhatASessionKeeps(t *testing.T) {
	s := newSession(aProvider(), tokensOf("u-ada", time.Now().Add(time.Hour)))
	held := guard.Session{Holder: s}
	var said bytes.Buffer
	for _, one := range []any{s, &held, held, struct{ S *Session }{s}, []any{s}, map[string]any{"s": s}, s.tokens,
		&s.tokens,
		struct{ Secret signin.Secret }{"canary-secret"}, signin.Secret("canary-secret")} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&said, verb+"\n", one)
		}
		text, err := json.Marshal(one)
		said.Write(text)
		if err != nil {
			fmt.Fprintln(&said, err)
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&said, nil), slog.NewTextHandler(&said, nil)} {
			slog.New(handler).Info("x", "one", one, "group", slog.GroupValue(slog.Any("s", one)))
		}
	}
	for _, canary := range []string{"canary", "63616e617279", "Y2FuYXJ5"} {
		if strings.Contains(said.String(), canary) {
			t.Errorf("printed: %s", said.String())
		}
	}
	if !strings.Contains(said.String(), "session of ada@acme.example") {
		t.Errorf("nothing is printed of it: %s", said.String())
	}
}

// TestTheNextRefreshTokenIsKept though no token came with it, unless the session is over.
func TestTheNextRefreshTokenIsKept(t *testing.T) {
	for name, err := range map[string]error{"no token": signin.ErrNoToken, "no keys": signin.ErrAway} {
		s := newSession(aProvider(), tokensOf("u-ada", time.Now().Add(time.Hour)))
		s.renewed(signin.Tokens{Refresh: "next"}, err)
		if s.over != nil || s.tokens.Refresh != "next" || s.tokens.ID != "canary-id-token" {
			t.Errorf("%s: over: %v, the next one is kept: %v", name, s.over, s.tokens.Refresh == "next")
		}
		s.Ended()
		if s.renewed(signin.Tokens{Refresh: "later"}, err); s.tokens.Refresh != "" {
			t.Errorf("%s: something is kept after the end", name)
		}
	}
}

// TestWhatASessionKeptGoesWithIt: tokens, the account at the forge, and the way to the key
// service; and nothing of it comes back.
func TestWhatASessionKeptGoesWithIt(t *testing.T) {
	sessions := &guard.Sessions{Idle: time.Hour, Life: time.Hour}
	s := newSession(aProvider(), tokensOf("u-ada", time.Now().Add(time.Hour)))
	origins := []string{"https://console.example.com"}
	out := httptest.NewRecorder()
	sessions.Begin(out, httptest.NewRequest("GET", "/", nil), origins, s)
	at := KeyService{URL: "https://keys.example.com", Authority: "sha256:" + strings.Repeat("a", 64)}
	if raw, err := s.Token(t.Context()); err != nil || raw != "canary-id-token" {
		t.Fatalf("%q, %v", raw, err)
	}
	first, err := s.Service(at, "fleet")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := s.Service(at, "fleet"); err != nil || second != first {
		t.Errorf("another client: %v", err)
	}
	s.Forge().Keep(&forgelogin.Account{Login: "ada"})
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(out.Result().Cookies()[0])
	gone := httptest.NewRecorder()
	sessions.End(gone, r, origins)
	for _, c := range gone.Result().Cookies() {
		if c.MaxAge >= 0 || c.Value != "" {
			t.Errorf("a cookie stays: %v", c)
		}
	}
	if set, left := len(out.Result().Cookies()), len(gone.Result().Cookies()); set != left || left == 0 {
		t.Errorf("%d cookies were set, and %d taken away", set, left)
	}
	if s.tokens.ID != "" || s.tokens.Refresh != "" || s.forge.Account() != nil || s.service != nil || sessions.Len() != 0 {
		t.Error("something is kept")
	}
	if raw, err := s.Token(t.Context()); raw != "" || !errors.Is(err, ErrEnded) {
		t.Errorf("%q, %v", raw, err)
	}
	if _, err := s.Service(at, "fleet"); !errors.Is(err, ErrEnded) {
		t.Errorf("%v", err)
	}
	s.renewed(tokensOf("u-ada", time.Now()), nil)
	if _, err := s.Token(t.Context()); !errors.Is(err, ErrEnded) || s.tokens.ID != "" {
		t.Errorf("a token that comes late is kept: %v", err)
	}
}

// TestWhoSignsInOftenEndsTheirOwn: their oldest, and nobody else's.
func TestWhoSignsInOftenEndsTheirOwn(t *testing.T) {
	now := time.Now()
	sessions := &guard.Sessions{Idle: time.Hour, Life: time.Hour, Now: func() time.Time { return now }}
	origins := []string{"https://console.example.com"}
	begin := func(subject string) *Session {
		s := newSession(aProvider(), tokensOf(subject, now.Add(time.Hour)))
		sessions.Begin(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), origins, s)
		now = now.Add(time.Second)
		return s
	}
	bob, first, second := begin("u-bob"), begin("u-ada"), begin("u-ada")
	for range 15 {
		begin("u-ada")
	}
	for name, c := range map[string]struct {
		session *Session
		over    bool
	}{"bob's": {bob, false}, "ada's first": {first, true}, "ada's second": {second, false}} {
		if _, err := c.session.Token(t.Context()); (err != nil) != c.over {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sessions.Len() != 17 {
		t.Errorf("%d sessions", sessions.Len())
	}
}
