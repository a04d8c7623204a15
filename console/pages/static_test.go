package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAStaticFileIsKeptForGoodUnderItsHash, and asked for again under any other address.
func TestAStaticFileIsKeptForGoodUnderItsHash(t *testing.T) {
	server := http.StripPrefix("/static/", Static())
	get := func(path, etag string) *httptest.ResponseRecorder {
		request, answer := httptest.NewRequest(http.MethodGet, path, nil), httptest.NewRecorder()
		request.Header.Set("If-None-Match", etag)
		server.ServeHTTP(answer, request)
		return answer
	}
	address, err := asset("bulla.css")
	if err != nil {
		t.Fatal(err)
	}
	first := get(address, "")
	if kept := first.Header().Get("Cache-Control"); first.Code != 200 || !strings.Contains(kept, "immutable") ||
		!strings.HasPrefix(first.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%d %v", first.Code, first.Header())
	}
	for _, path := range []string{"/static/bulla.css", "/static/bulla.css?v=another"} {
		if kept := get(path, "").Header().Get("Cache-Control"); kept != "no-cache" {
			t.Errorf("%s: %s", path, kept)
		}
	}
	if again := get("/static/bulla.css", first.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("unchanged: %d", again.Code)
	}
	for _, path := range []string{"/static/", "/static/none.css", "/static/../pages.go"} {
		if answer := get(path, ""); answer.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
	if _, err := asset("none.css"); err == nil {
		t.Error("an address of a file that is not there")
	}
}

// TestHtmxIsTheReleaseThatItSays: version 4.0.1, dist/htmx.min.js of the package htmx.org.
func TestHtmxIsTheReleaseThatItSays(t *testing.T) {
	content, err := static.ReadFile("static/htmx-4.0.1.min.js")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130" {
		t.Errorf("another file: %s", got)
	}
}
