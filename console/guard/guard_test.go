package guard_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

func asRefusal(err error, to **guard.Refusal) bool { return errors.As(err, to) }

// TestAnotherNameIsNotServed: a page of evil.example whose name was made to resolve to
// loopback (DNS rebinding) would be of one origin with the console.
func TestAnotherNameIsNotServed(t *testing.T) {
	w := newWorld(t)
	_, port, _ := net.SplitHostPort(w.address)
	for _, host := range []string{"evil.example", "evil.example:" + port, "127.0.0.1", "127.0.0.1:1", "[::1]:" + port,
		"127.0.0.1:" + port + ".evil.example", "127.1:" + port, "2130706433:" + port} {
		for _, path := range []string{"/", "/begin", "/static/a"} {
			if text, status := w.text("GET", path, "", w.in, with("Host", host)); status != http.StatusMisdirectedRequest {
				t.Errorf("%s as %s: %d %s", path, host, status, text)
			}
		}
	}
	if line := w.raw("GET / HTTP/1.0\r\n\r\n"); !strings.Contains(line, "421") {
		t.Errorf("without a name: %s", line)
	}
}

// TestAnotherSitesPageGetsNothing, with the person's cookie, as far as browsers send it.
func TestAnotherSitesPageGetsNothing(t *testing.T) {
	w := newWorld(t, "http://console.example")
	form := "csrf=" + w.csrf + "&name=x"
	own := "http://" + w.address
	for name, c := range map[string]struct {
		method, site, mode, dest, origin string
		want                             int
	}{
		"an image":                 {"GET", "cross-site", "no-cors", "image", "", 403},
		"a script":                 {"GET", "same-site", "no-cors", "script", "", 403},
		"a frame":                  {"GET", "cross-site", "navigate", "iframe", "", 403},
		"a fetch":                  {"GET", "cross-site", "cors", "empty", "https://evil.example", 403},
		"an old browser's fetch":   {"GET", "", "", "", "https://evil.example", 403},
		"another port's fetch":     {"GET", "", "", "", "http://127.0.0.1:1", 403},
		"a link":                   {"GET", "cross-site", "navigate", "document", "", 200},
		"typed":                    {"GET", "none", "navigate", "document", "", 200},
		"its own page":             {"GET", "same-origin", "cors", "empty", "", 200},
		"a simple form":            {"POST", "cross-site", "navigate", "document", "https://evil.example", 403},
		"a form of another port":   {"POST", "same-site", "navigate", "document", "http://127.0.0.1:1", 403},
		"an old browser's form":    {"POST", "", "", "", "https://evil.example", 403},
		"its other name's form":    {"POST", "", "", "", "http://console.example", 403},
		"a sandboxed form":         {"POST", "", "", "", "null", 403},
		"a form over TLS":          {"POST", "", "", "", "https://" + w.address, 403},
		"a form without an origin": {"POST", "cross-site", "navigate", "document", "", 403},
		"its own form":             {"POST", "same-origin", "navigate", "document", own, 200},
	} {
		path, body := "/", ""
		if c.method == "POST" {
			path, body = "/change", form
		}
		says := func(r *http.Request) {
			for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode,
				"Sec-Fetch-Dest": c.dest, "Origin": c.origin} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
		}
		before := w.changed()
		text, status := w.text(c.method, path, body, w.form, says, w.in)
		if status != c.want || (status != http.StatusOK && (w.changed() != before || strings.Contains(text, w.csrf))) {
			t.Errorf("%s: %d %q, want %d", name, status, text, c.want)
		}
	}
}

// TestAFormIsOfAPageOfTheSession: same-site cookies alone stand on what browsers do.
func TestAFormIsOfAPageOfTheSession(t *testing.T) {
	w := newWorld(t)
	_, other := w.begin()
	for name, body := range map[string]string{
		"without": "name=x", "empty": "csrf=&name=x", "another session's": "csrf=" + other, "cut": "csrf=" + w.csrf[:8],
		"in the query": "name=x",
	} {
		path := "/change"
		if name == "in the query" {
			path += "?csrf=" + w.csrf
		}
		if text, status := w.text("POST", path, body, w.in, w.form); status != http.StatusForbidden || w.changed() != 0 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	for name, how := range map[string]changes{
		"text/plain": with("Content-Type", "text/plain"), "no kind": nil, "a kind that is none": with("Content-Type", ";"),
		"XML": with("Content-Type", "application/xml"),
	} {
		text, status := w.text("POST", "/change", "csrf="+w.csrf, w.in, how)
		if status != http.StatusUnsupportedMediaType || w.changed() != 0 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	json := with("Content-Type", "application/json")
	if _, status := w.text("POST", "/change", "{}", w.in, json); status != http.StatusForbidden || w.changed() != 0 {
		t.Errorf("JSON without the header: %d", status)
	}
	if text, status := w.text("POST", "/change", "{}", w.in, json, with(guard.Header, w.csrf)); text != "{}changed " {
		t.Errorf("JSON of its own page: %d %s", status, text)
	}
	text, status := w.text("POST", "/change", "csrf="+w.csrf+"&name=a%26b", w.in, w.form)
	if text != "changed a&b" {
		t.Errorf("its own form: %d %s", status, text)
	}
}

// TestWithoutASessionThereIsNoPage, and what ended is none.
func TestWithoutASessionThereIsNoPage(t *testing.T) {
	w := newWorld(t)
	unknown := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: w.cookie.Name, Value: strings.Repeat("A", 52)}) }
	renamed := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "bulla", Value: w.cookie.Value}) }
	for name, how := range map[string]changes{"without": nil, "nobody's": unknown, "under another name": renamed} {
		for _, path := range []string{"/", "/secrets/db", "/nothing", "/beginning", "/static", "/begin/", "/begin/../"} {
			if text, status := w.text("GET", path, "", how); status != 401 && status != 400 {
				t.Errorf("%s, %s: %d %s", name, path, status, text)
			}
		}
		if _, status := w.text("POST", "/change", "csrf="+w.csrf, how, w.form); status != 401 || w.changed() != 0 {
			t.Errorf("%s, a change: %d", name, status)
		}
	}
	if _, status := w.text("GET", "/static/a", ""); status != 200 {
		t.Errorf("the style for who is not in: %d", status)
	}
	for name, by := range map[string]time.Duration{"idle": 61 * time.Minute, "old": 9 * time.Hour} {
		cookie, _ := w.begin()
		in := func(r *http.Request) { r.AddCookie(cookie) }
		for passed := time.Duration(0); passed < by; passed += 50 * time.Minute {
			w.mu.Lock()
			w.now = w.now.Add(min(50*time.Minute, by-passed))
			if name == "idle" {
				w.now = w.now.Add(by)
			}
			w.mu.Unlock()
			w.text("GET", "/", "", in)
		}
		if _, status := w.text("GET", "/", "", in); status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// TestAWindowThatWasLeftOpenIsNobodysUse: a page that asks for itself keeps no session.
func TestAWindowThatWasLeftOpenIsNobodysUse(t *testing.T) {
	w := newWorld(t)
	used := w.sessions.LastUsed()
	for passed := 20; passed <= 80; passed += 20 {
		w.mu.Lock()
		w.now = w.now.Add(20 * time.Minute)
		w.mu.Unlock()
		want := http.StatusOK
		if passed > 60 {
			want = http.StatusUnauthorized
		}
		if _, status := w.text("GET", "/", "", w.in, with("HX-Request", "true")); status != want {
			t.Errorf("after %d minutes: %d", passed, status)
		}
	}
	if now := w.sessions.LastUsed(); !now.Equal(used) {
		t.Errorf("used last at %v, then at %v", used, now)
	}
}

// TestACookieIsTheBrowsersAlone: no script reads it, no other site sends it, and a
// session that somebody put there before (fixation) is not taken over.
func TestACookieIsTheBrowsersAlone(t *testing.T) {
	w := newWorld(t)
	if c := w.cookie; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" ||
		len(c.Value) < 40 {
		t.Errorf("the cookie is %v", c)
	}
	again := w.do("GET", "/begin", "", w.in)
	if c := again.Cookies()[0]; c.Value == w.cookie.Value {
		t.Error("a session goes by the name that it came with")
	}
	if _, status := w.text("GET", "/", "", w.in); status != 401 {
		t.Errorf("the session before: %d", status)
	}
	answer := httptestCookie([]string{"https://bulla.example.com"})
	if !answer.Secure || !strings.HasPrefix(answer.Name, "__Host-") {
		t.Errorf("with TLS the cookie is %v", answer)
	}
}

// TestPathsAndMethodsThatMeanTwoThings are refused, whoever asks.
func TestPathsAndMethodsThatMeanTwoThings(t *testing.T) {
	w := newWorld(t)
	cookie := w.cookie.Name + "=" + w.cookie.Value
	for _, path := range []string{"//", "//evil.example/", "/secrets/../", "/./", "/secrets//db", "/secrets/%2e%2e/",
		"/secrets/a%2Fb", "/secrets/a%5Cb", "/secrets/a%00", "/secrets/a%0d%0aSet-Cookie:x=y", "/secrets/%ff",
		"http://evil.example/", "/static/..%2fbegin", "/secrets/a\\b"} {
		line := w.raw("GET " + path + " HTTP/1.1\r\nHost: " + w.address + "\r\nCookie: " + cookie +
			"\r\nConnection: close\r\n\r\n")
		if !strings.Contains(line, " 400 ") && !strings.Contains(line, " 421 ") {
			t.Errorf("%q: %s", path, line)
		}
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "POSTX"} {
		line := w.raw(method + " /change HTTP/1.1\r\nHost: " + w.address + "\r\nCookie: " + cookie +
			"\r\nX-HTTP-Method-Override: POST\r\nConnection: close\r\n\r\n")
		if !strings.Contains(line, " 405 ") && !strings.Contains(line, " 400 ") {
			t.Errorf("%s: %s", method, line)
		}
	}
	form := "_method=POST&csrf=" + url.QueryEscape(w.csrf)
	if _, status := w.text("GET", "/change?"+form, "", w.in, with("X-HTTP-Method-Override", "POST")); status != 405 {
		t.Errorf("a change by GET: %d", status)
	}
	if _, status := w.text("GET", "/", form, w.in, w.form); status != 400 {
		t.Errorf("a GET with a body: %d", status)
	}
	if w.changed() != 0 {
		t.Error("something changed")
	}
}

// TestABodyIsBounded in length, also where it does not say its length.
func TestABodyIsBounded(t *testing.T) {
	w := newWorld(t)
	large := "csrf=" + w.csrf + "&name=" + strings.Repeat("a", guard.MaxBody)
	unsaid := func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(large)), -1 }
	for name, how := range map[string]changes{"said": nil, "not said": unsaid} {
		if text, status := w.text("POST", "/change", large, w.in, w.form, how); status != 413 {
			t.Errorf("%s: %d %.80s", name, status, text)
		}
	}
	part := "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + large + "\r\n--b--\r\n"
	parts := with("Content-Type", "multipart/form-data; boundary=b")
	if _, status := w.text("POST", "/change", part, w.in, parts); status != 413 {
		t.Errorf("in parts: %d", status)
	}
	header := "\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"
	if line := w.raw("GET / HTTP/1.1\r\nHost: " + w.address + header); !strings.Contains(line, "431") {
		t.Errorf("a large header: %s", line)
	}
	if w.changed() != 0 {
		t.Error("something changed")
	}
}

// TestASlowBodyEnds: who sends byte by byte holds nothing for long.
func TestASlowBodyEnds(t *testing.T) {
	if s := guard.Server(nil); s.ReadTimeout > time.Minute || s.ReadHeaderTimeout > 10*time.Second || s.ReadTimeout == 0 ||
		s.ReadHeaderTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 {
		t.Errorf("a connection may take %v, %v, %v, %v", s.ReadTimeout, s.ReadHeaderTimeout, s.WriteTimeout, s.IdleTimeout)
	}
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hasty := guard.Server(w.handler) // it waits for less than a release does
	hasty.ReadTimeout = 300 * time.Millisecond
	go hasty.Serve(listener)
	defer hasty.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /change HTTP/1.1\r\nHost: %s\r\nCookie: %s=%s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ncsrf=", w.address,
		w.cookie.Name, w.cookie.Value)
	conn.SetReadDeadline(time.Now().Add(wait.Patience()))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), " 400 ") || w.changed() != 0 {
		t.Errorf("%v %s", err, answer)
	}
}
