package pages

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	sealer "github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/fixtures/browser"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

const parts = `{{define "content"}}<h1>Parts</h1>
<form action="/" hx-get="/" hx-target="#results" hx-select="#results" hx-swap="outerMorph" hx-trigger="input, submit">
<label for="q">Name</label><input id="q" name="q"></form>
<section id="results"><p id="said">{{.Body}}</p></section>
<div id="polled" hx-get="/poll" hx-trigger="every 100ms" hx-swap="innerMorph"><button id="kept">0</button></div>
<div id="hostile" hx-get="/hostile" hx-trigger="try" hx-swap="innerHTML">calm</div>
<button id="change" hx-post="/change" hx-target="#changed">Change</button><p id="changed"></p>
<div id="framed" hx-get="/framed" hx-trigger="try">calm</div>
<div id="loud" hx-on:try="document.title = 'evaluated'"></div>
{{end}}`

// world is a page with parts, under the policy that the console has.
func world(t *testing.T) (url string, down *atomic.Bool) {
	t.Helper()
	files := fstest.MapFS{"templates/parts.html": {Data: []byte(parts)}}
	for _, name := range []string{"templates/frame.html", "templates/pieces.html"} {
		text, err := templates.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: bytes.Clone(text)}
	}
	set, err := parse(files)
	if err != nil {
		t.Fatal(err)
	}
	down = new(atomic.Bool)
	var polls atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("GET /static/", http.StripPrefix("/static/", Static()))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if err := set.Write(w, Page{Template: "parts.html", Title: "Parts", CSRF: "t0ken", Body: "found " + r.FormValue("q"),
			Part: r.Header.Get("HX-Request") == "true"}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /poll", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `<button id="kept">%d</button>`, polls.Add(1))
	})
	mux.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "<b>%s</b>", r.Header.Get("X-CSRF-Token"))
	})
	mux.HandleFunc("GET /framed", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<iframe srcdoc="<p>put there"></iframe>`))
	})
	mux.HandleFunc("GET /hostile", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<p>put there</p><script>document.title = "taken"</script>`))
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Security-Policy", sealer.PagePolicy)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/", down
}

// TestHtmxLivesUnderThePolicy: it swaps parts, polls, keeps what a person is at, and
// evaluates nothing, neither of the page nor of an answer.
func TestHtmxLivesUnderThePolicy(t *testing.T) {
	url, down := world(t)
	b := browser.ForTest(t)
	b.Open(t, url)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(b.Said())
		}
	})
	until := func(what, script string) {
		t.Helper()
		wait.Until(t, what, func() bool {
			var is bool
			b.Must(t, &is, script)
			return is
		})
	}
	until("polled", `+document.getElementById('kept').textContent > 0`)
	b.Must(t, nil, `document.getElementById('kept').focus()`)
	var was int
	b.Must(t, &was, `+document.getElementById('kept').textContent`)
	until("polled again, the focus kept", fmt.Sprintf(`+document.getElementById('kept').textContent > %d &&
		document.activeElement.id === 'kept'`, was))
	b.Must(t, nil, `(() => { const q = document.getElementById('q'); q.focus(); q.value = '<i>x</i>';
		q.dispatchEvent(new Event('input', {bubbles: true})) })()`)
	until("searched", `document.getElementById('said').textContent === 'found <i>x</i>' &&
		document.activeElement.id === 'q'`)
	b.Must(t, nil, `document.getElementById('change').click()`)
	until("changed, with what shows that the page asked", `document.getElementById('changed').textContent === 't0ken'`)
	// The next poll takes a notice away again.
	b.Must(t, nil, `(() => { const at = document.getElementById('offline'); globalThis.heard = '';
		new MutationObserver(() => { heard += at.textContent }).observe(at, {childList: true}) })()`)
	b.Must(t, nil, `document.getElementById('hostile').dispatchEvent(new Event('try'))`)
	b.Must(t, nil, `document.getElementById('loud').dispatchEvent(new Event('try'))`)
	until("a script in an answer is refused, and told",
		`heard.includes('cannot be shown')`)
	b.Must(t, nil, `(() => { heard = ''; document.getElementById('framed').dispatchEvent(new Event('try')) })()`)
	until("a frame in an answer is refused, and told", `heard.includes('cannot be shown')`)
	var title string
	b.Must(t, &title, `document.title + document.getElementById('hostile').textContent +
		document.getElementById('framed').innerHTML`)
	if title != "Parts · bullacalmcalm" {
		t.Errorf("the page was changed: %q", title)
	}
	down.Store(true)
	until("an outage is told", `document.getElementById('offline').textContent.includes('does not answer')`)
	down.Store(false)
	until("and its end", `document.getElementById('offline').textContent === ''`)
	if said := b.Said(); strings.Contains(said, "Content Security Policy") {
		t.Error(said)
	}
}
