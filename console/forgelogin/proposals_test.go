package forgelogin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/gitserver"
)

// host writes down what it is asked, and with what.
type host struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string
	// answer has it answer; nil refuses.
	answer http.HandlerFunc
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, r.URL.Path+" "+r.Header.Get("Authorization"))
		h.mu.Unlock()
		if h.answer == nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *host) said() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// TestAPushGoesToTheForgeThatWasNamed, whatever the clone calls its remote, whatever git is
// told by the console's own environment, and whereto the forge leads on.
func TestAPushGoesToTheForgeThatWasNamed(t *testing.T) {
	elsewhere, named := newHost(t), newHost(t)
	named.answer = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/user") {
			_, _ = fmt.Fprint(w, `{"login":"rob"}`)
			return
		}
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
	}
	repo, err := gitserver.ForTest(t).NewRepo("fleet")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repo.Dir(), "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	commit, err := repo.CommitAll("begin")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"remote", "set-url", "origin", elsewhere.URL + "/acme/fleet.git"},
		{"config", "credential.helper", "!f() { echo username=console; echo password=reads; }; f"},
		{"config", "http.extraHeader", "Authorization: Basic cmVhZHM="}} {
		if _, err := repo.Git(args...); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range map[string]string{"GIT_CONFIG_PARAMETERS": "'http.proxy=" + elsewhere.URL + "'",
		"GIT_SSH_COMMAND": "false", "GIT_TRACE_CURL": filepath.Join(t.TempDir(), "trace"), "GIT_ASKPASS": "/bin/false"} {
		t.Setenv(name, value)
	}
	secret := canary.Of("token", "t0ken-"+strings.Repeat("z", 20))
	f, err := New(Config{Kind: "gitea", URL: named.URL})
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Check(t.Context(), secret.Value())
	if err != nil {
		t.Fatal(err)
	}
	r, place, err := f.Proposals(t.Context(), a, repo.Dir(), "origin")
	if err != nil || place.Token != secret.Value() || place.URL != named.URL {
		t.Fatalf("%+v, %v", place.URL, err)
	}
	for _, one := range r.Env {
		if name, _, _ := strings.Cut(one, "="); slices.Contains([]string{"GIT_CONFIG_PARAMETERS", "GIT_SSH_COMMAND",
			"GIT_TRACE_CURL", "GIT_ASKPASS"}, name) {
			t.Errorf("git is told %s", one)
		}
	}
	pushed := r.Propose(t.Context(), commit, "bulla/x")
	if pushed == nil || strings.Contains(pushed.Error()+fault.Hint(pushed), secret.Value()) {
		t.Errorf("%v", pushed)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("oauth2:" + secret.Value()))
	if asked := named.said(); !slices.Contains(asked, "/acme/fleet.git/info/refs Basic "+basic) {
		t.Errorf("the forge was asked %q", asked)
	}
	if asked := elsewhere.said(); len(asked) > 0 {
		t.Errorf("another host was asked %q", asked)
	}
	canary.Check(t, []canary.Canary{secret}, canary.Path(repo.Dir()))
}

// TestATokenIsRenewedBeforeItEnds, once for all who ask; a forge that renews it no more is
// told, with what to do.
func TestATokenIsRenewedBeforeItEnds(t *testing.T) {
	h := newHost(t)
	h.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("refresh_token") != "refresh" || r.FormValue("client_secret") != "hidden" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, r.FormValue("refresh_token"))
			return
		}
		_, _ = fmt.Fprint(w, `{"access_token":"second","refresh_token":"spent","expires_in":3600,"token_type":"bearer"}`)
	}
	f, err := New(Config{Kind: "gitlab", URL: h.URL, ClientID: "id", ClientSecret: "hidden", Callback: h.URL + "/back"})
	if err != nil {
		t.Fatal(err)
	}
	a := &Account{Login: "rob", kept: &kept{token: &oauth2.Token{AccessToken: "first", RefreshToken: "refresh",
		Expiry: time.Now().Add(time.Minute)}}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if token, err := f.token(t.Context(), a); err != nil || token != "second" {
				t.Errorf("%q, %v", token, err)
			}
		})
	}
	all.Wait()
	if n := len(h.said()); n != 1 {
		t.Errorf("it was renewed %d times: a forge takes the second for a theft", n)
	}
	a.kept.token.Expiry = time.Now()
	_, err = f.token(t.Context(), a)
	if !errors.Is(err, ErrOver) || !strings.Contains(fault.Hint(err), "connect it again") ||
		strings.Contains(err.Error(), "spent") {
		t.Errorf("%v (%s)", err, fault.Hint(err))
	}
	if _, err := f.token(t.Context(), nil); !errors.Is(err, ErrOver) {
		t.Errorf("of nobody: %v", err)
	}
}

// TestAPageThatIsClosedLosesNoToken: the forge takes what it renewed no more, and gave the
// next one to nobody.
func TestAPageThatIsClosedLosesNoToken(t *testing.T) {
	h := newHost(t)
	ctx, closePage := context.WithCancel(t.Context())
	defer closePage()
	var spent atomic.Bool
	h.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("refresh_token") != "refresh" || spent.Swap(true) {
			http.Error(w, "spent", http.StatusBadRequest)
			return
		}
		closePage()
		select {
		case <-r.Context().Done(): // the console hung up
		case <-time.After(300 * time.Millisecond):
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"access_token":"second","refresh_token":"spent","expires_in":3600,"token_type":"bearer"}`)
	}
	f, err := New(Config{Kind: "gitlab", URL: h.URL, ClientID: "id", ClientSecret: "hidden", Callback: h.URL + "/back"})
	if err != nil {
		t.Fatal(err)
	}
	a := &Account{Login: "rob", kept: &kept{token: &oauth2.Token{AccessToken: "first", RefreshToken: "refresh",
		Expiry: time.Now().Add(time.Minute)}}}
	_, _ = f.token(ctx, a)
	if token, err := f.token(t.Context(), a); err != nil || token != "second" {
		t.Errorf("%q, %v", token, err)
	}
}
