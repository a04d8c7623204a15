package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/sealer"
	"github.com/bulla-dev/bulla/fixtures/canary"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/sealing"
)

// TestALinkLetsOneBrowserIn: the one that opens it first; whoever else has it is told.
func TestALinkLetsOneBrowserIn(t *testing.T) {
	l := startLocal(t)
	text, answer := l.get(t, l.browser, "/")
	if answer.StatusCode != 401 || !strings.Contains(text, "bulla ui") || strings.Contains(text, "acme") ||
		strings.Contains(text, l.root.ID) {
		t.Errorf("before: %d %s", answer.StatusCode, text)
	}
	head, err := l.browser.Head(l.Link)
	if err != nil || len(head.Cookies()) > 0 {
		t.Errorf("a look ahead lets in: %v, %v", head, err)
	}
	wrong, _, _ := strings.Cut(l.Link, "?")
	text, answer = l.get(t, l.browser, wrong+"?token=x")
	if answer.StatusCode != 403 || !strings.Contains(text, "whole") {
		t.Errorf("a wrong token: %d %s", answer.StatusCode, text)
	}
	_, answer = l.get(t, l.browser, l.Link)
	if answer.StatusCode != 200 || answer.Header.Get("Refresh") != "0; url=/" {
		t.Errorf("the link: %d %v", answer.StatusCode, answer.Header)
	}
	if text, answer := l.get(t, l.browser, "/"); answer.StatusCode != 200 {
		t.Errorf("after: %d %s", answer.StatusCode, text)
	}
	if _, answer := l.get(t, l.browser, l.Link); answer.StatusCode != 200 {
		t.Errorf("the link again, in the same browser: %d", answer.StatusCode)
	}
	other := newBrowser(t)
	text, answer = l.get(t, other, l.Link)
	if answer.StatusCode != 403 || len(answer.Cookies()) > 0 || !strings.Contains(text, "used already") {
		t.Errorf("the link in another browser: %d %s", answer.StatusCode, text)
	}
	if _, answer := l.get(t, other, "/"); answer.StatusCode != 401 {
		t.Errorf("another browser: %d", answer.StatusCode)
	}
}

// TestAPageIsToldWhatToSealFor: what Sealer.open takes, in the form that the program for
// browsers verifies.
func TestAPageIsToldWhatToSealFor(t *testing.T) {
	l := startLocal(t)
	if _, answer := l.get(t, l.browser, "/fleet.json"); answer.StatusCode != 401 {
		t.Errorf("a stranger: %d", answer.StatusCode)
	}
	l.get(t, l.browser, l.Link)
	text, answer := l.get(t, l.browser, "/fleet.json")
	var told struct{ Fleet, RootKey string }
	if err := json.Unmarshal([]byte(text), &told); err != nil || answer.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v %v\n%s", err, answer.Header, text)
	}
	fleet, err := sealer.Open(testfleet.Parsed([]byte(told.Fleet)), told.RootKey, sealing.Known{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := sealing.Fingerprint(l.root.Key); err != nil || fleet.Fingerprint != want {
		t.Errorf("it shows %s, want %s, %v", fleet.Fingerprint, want, err)
	}
	text, answer = l.get(t, l.browser, "/sealer/worker.js")
	policy := answer.Header.Get("Content-Security-Policy")
	if answer.StatusCode != 200 || strings.Contains(policy, "connect") {
		t.Errorf("what sees values may %s: %d %.40s", policy, answer.StatusCode, text)
	}
	if text, answer = l.get(t, l.browser, "/sealer/sealer.wasm"); answer.StatusCode != 200 || text == "" {
		t.Errorf("the program: %d", answer.StatusCode)
	}
	if _, answer := l.get(t, newBrowser(t), "/sealer/sealer.wasm"); answer.StatusCode != 401 {
		t.Errorf("the program for a stranger: %d", answer.StatusCode)
	}
}

// hostile is syntax of HTML, of templates, of SQL, of a shell and of paths.
var hostile = []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`,
	`{{.Person}}{{template "content"}}`, `' OR 1=1; DROP TABLE entries; --`, "$(touch pwned)`id`", "%00", "..",
	strings.Repeat("a", 3000), "javascript:alert(1)"}

// own is an address of the console.
var own = regexp.MustCompile(`^/([^/\\]|$)`)

// TestSyntaxInAParameterIsText, on every page that there is: in its address and in a query.
func TestSyntaxInAParameterIsText(t *testing.T) {
	l := startLocal(t)
	l.get(t, l.browser, l.Link)
	wildcard := regexp.MustCompile(`\{[^}]*\}`)
	pages := 0
	for _, pattern := range console.Patterns() {
		path, get := strings.CutPrefix(pattern, "GET ")
		if !get {
			continue
		}
		pages++
		path = strings.TrimSuffix(path, "{$}")
		for _, text := range hostile {
			at := wildcard.ReplaceAllLiteralString(path, url.PathEscape(text))
			body, answer := l.get(t, l.browser, at+"?q="+url.QueryEscape(text)+"&set="+url.QueryEscape(text))
			if answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented {
				t.Errorf("%s of %.30q: %d %.400s", pattern, text, answer.StatusCode, body)
			}
			if strings.ContainsAny(text, "<{") && strings.Contains(body, text) {
				t.Errorf("%s says %q as it is", pattern, text)
			}
			if location := answer.Header.Get("Location"); location != "" && !own.MatchString(location) {
				t.Errorf("%s of %q leads to %s", pattern, text, location)
			}
		}
	}
	if pages == 0 {
		t.Error("there is no page")
	}
}

// TestAValueThatIsPostedIsKeptNowhere: pages never send one; where a person's own script
// does, it stands in no file, no answer, no cookie and no line of the log.
func TestAValueThatIsPostedIsKeptNowhere(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	l := startLocal(t)
	l.get(t, l.browser, l.Link)
	value := canary.New("posted")
	var said strings.Builder
	for _, pattern := range append(console.Patterns(), "POST /", "POST /fleet.json", "POST /begin") {
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllLiteralString(pattern[strings.Index(pattern, "/"):], "db")
		answer, err := l.browser.PostForm("http://"+l.address+path, url.Values{"value": {value.Value()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Write(&said); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if err := os.WriteFile(filepath.Join(temporary, "swept"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	canary.Check(t, []canary.Canary{value}, canary.Bytes("answers", []byte(said.String())),
		canary.Bytes("log", l.log.text()), canary.Path(l.folder), canary.Path(temporary))
}
