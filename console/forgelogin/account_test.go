package forgelogin

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/fixtures/canary"
)

// accounts answers as forges do, and takes one token.
func accounts(t *testing.T, token string, answer string) *Forge {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	f, err := New(Config{Kind: "gitea", URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestNothingPrintsAToken, whatever holds the account and whatever prints it.
func TestNothingPrintsAToken(t *testing.T) {
	secret := canary.Of("forge token", rand.Text()+rand.Text())
	f := accounts(t, secret.Value(), `{"login":"ann","full_name":"Ada\nDeveloper","email":"ada@acme.example"}`)
	a, err := f.Check(t.Context(), "  "+secret.Value()+"\n")
	if err != nil || a.Login != "ann" || strings.Contains(a.Name, "\n") {
		t.Fatalf("%v, %v", a, err)
	}
	held := &Held{}
	held.Keep(a)
	type inside struct {
		a  *Account
		b  Account
		h  *Held
		up *Held
	}
	var out bytes.Buffer
	for _, one := range []any{a, *a, held, inside{a, *a, held, held}, &inside{a, *a, held, held}, a.kept,
		map[string]any{"x": a, "y": *a}, []any{*a}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb, one)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "account", one)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "account", one)
		text, err := json.Marshal(one)
		out.Write(text)
		fmt.Fprint(&out, err)
		text, err = xml.Marshal(one)
		out.Write(text)
		fmt.Fprint(&out, err)
	}
	if !strings.Contains(out.String(), "forge account of ann") {
		t.Error("nothing was printed that could have shown it")
	}
	canary.Check(t, []canary.Canary{secret}, canary.Bytes("printed", out.Bytes()))
}

// TestATokenIsChecked against what a forge says, and not kept where that is no person.
func TestATokenIsChecked(t *testing.T) {
	for _, one := range []struct{ name, token, answer, pasted, says string }{
		{"another token", "right", `{"login":"ann"}`, "wrong", "is wrong, expired or revoked"},
		{"nobody", "right", `{}`, "right", "names nobody"},
		{"no JSON", "right", `<html>`, "right", "names nobody"},
		{"markup", "right", `{"login":"<b>ann</b>"}`, "right", "names nobody"},
		{"empty", "right", `{"login":"ann"}`, " ", "is no token"},
		{"a header", "right", `{"login":"ann"}`, "right\r\nHost: elsewhere", "is no token"},
		{"too long", "right", `{"login":"ann"}`, strings.Repeat("a", mostToken+1), "is no token"},
	} {
		a, err := accounts(t, one.token, one.answer).Check(t.Context(), one.pasted)
		if a != nil || err == nil || !strings.Contains(err.Error()+fault.Hint(err), one.says) {
			t.Errorf("%s: %v, %v (%s)", one.name, a, err, fault.Hint(err))
		}
	}
}

// TestAnAttemptIsTheSessionsOwn: once, in time, and under its own state.
func TestAnAttemptIsTheSessionsOwn(t *testing.T) {
	h := &Held{}
	if _, err := h.Take(""); err == nil {
		t.Error("what nobody began was taken")
	}
	state, verifier := h.Begin()
	if got, err := h.Take(state); err != nil || got != verifier {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := h.Take(state); err == nil {
		t.Error("one was taken twice")
	}
	other := &Held{}
	foreign, _ := other.Begin()
	h.Begin()
	if _, err := h.Take(foreign); err == nil {
		t.Error("another session's was taken")
	}
	state, _ = h.Begin()
	h.began = time.Now().Add(-attemptLife - time.Second)
	if _, err := h.Take(state); err == nil {
		t.Error("one that is too old was taken")
	}
}

// TestARedirectTakesNoTokenAlong.
func TestARedirectTakesNoTokenAlong(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer elsewhere.Close()
	forge := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer forge.Close()
	f, err := New(Config{Kind: "github", URL: forge.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Check(t.Context(), "token"); err == nil || asked > 0 {
		t.Errorf("%v; elsewhere was asked %d times", err, asked)
	}
}

// TestWhatIsNoForgeIsRefused at the start.
func TestWhatIsNoForgeIsRefused(t *testing.T) {
	for _, c := range []Config{
		{Kind: "svn"}, {Kind: "gitea"}, {Kind: "gitea", URL: "http://git.example.com"},
		{Kind: "gitea", URL: "https://user:pass@git.example.com"}, {Kind: "github", ClientSecret: "x"},
		{Kind: "github", ClientID: "x"}, {Kind: "gitlab", URL: "https://git.example.com/?x=y"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	for kind, want := range map[string]string{"github": "https://github.com/login/oauth/authorize?",
		"gitlab": "https://gitlab.com/oauth/authorize?"} {
		f, err := New(Config{Kind: kind, ClientID: "x", Callback: "https://console.example.com/account/forge/callback"})
		if err != nil {
			t.Fatal(err)
		}
		if at := f.AuthCodeURL("state", "verifier"); !strings.HasPrefix(at, want) ||
			!strings.Contains(at, "code_challenge_method=S256") || strings.Contains(at, "verifier") {
			t.Errorf("%s: %s", kind, at)
		}
	}
}
