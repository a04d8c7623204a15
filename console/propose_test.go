package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/console"
)

func pressed(t *testing.T, c *console.Console, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out := httptest.NewRecorder()
	c.Handler().ServeHTTP(out, r)
	return out
}

var commitField = regexp.MustCompile(`name="commit" value="([0-9a-f]{40})"`)

// TestOnlyWhatWasLookedAtIsProposed: what came between is looked at first.
func TestOnlyWhatWasLookedAtIsProposed(t *testing.T) {
	repo, _, c := startWizard(t, "")
	branches := func() string { return repo.Git(t, "for-each-ref", "--format=%(objectname)", "refs/heads/bulla/") }
	at := pressed(t, c, "/applications/app/retire", nil).Header().Get("Location")
	shown := httptest.NewRecorder()
	c.Handler().ServeHTTP(shown, httptest.NewRequestWithContext(t.Context(), http.MethodGet, at, nil))
	looked := commitField.FindStringSubmatch(shown.Body.String())
	if looked == nil {
		t.Fatalf("%s does not say which commit it shows: %s", at, shown.Body)
	}
	repo.Git(t, "commit", "-q", "--allow-empty", "-m", "what somebody else merged")
	for _, commit := range []string{looked[1], "", strings.Repeat("0", 40)} {
		shown = pressed(t, c, at+"/propose", url.Values{"commit": {commit}})
		if !strings.Contains(shown.Body.String(), "another change than the one that you looked at") || branches() != "" {
			t.Fatalf("%q is proposed: %s", commit, shown.Body)
		}
	}
	looked = commitField.FindStringSubmatch(shown.Body.String())
	shown = pressed(t, c, at+"/propose", url.Values{"commit": {looked[1]}})
	if shown.Code != http.StatusSeeOther || branches() != looked[1] {
		t.Fatalf("proposed %s: %s", branches(), shown.Body)
	}
}
