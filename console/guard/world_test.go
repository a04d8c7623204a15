package guard_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/guard"
)

// world is a console of three pages behind its guards, and one person's cookie.
type world struct {
	t        testing.TB
	address  string
	sessions *guard.Sessions
	cookie   *http.Cookie
	csrf     string
	handler  http.Handler
	server   *http.Server

	mu  sync.Mutex
	log bytes.Buffer
	did int // requests that changed something
	now time.Time
}

func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) changed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.did
}

const said = "s3cret-that-panicked"

func newWorld(t testing.TB, origins ...string) *world {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, address: listener.Addr().String(), now: time.Now()}
	origins = append(origins, "http://"+w.address)
	w.sessions = &guard.Sessions{Idle: time.Hour, Life: 8 * time.Hour, Now: func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(out http.ResponseWriter, r *http.Request) {
		io.WriteString(out, guard.CSRF(r.Context()))
	})
	mux.HandleFunc("GET /secrets/{name}", func(out http.ResponseWriter, r *http.Request) { io.WriteString(out, "a page") })
	mux.HandleFunc("GET /panics", func(http.ResponseWriter, *http.Request) { panic(said) })
	mux.HandleFunc("POST /change", func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.did++
		w.mu.Unlock()
		io.Copy(out, r.Body)
		io.WriteString(out, "changed "+r.PostFormValue("name"))
	})
	mux.HandleFunc("GET /static/", func(out http.ResponseWriter, _ *http.Request) { io.WriteString(out, "style") })
	mux.HandleFunc("GET /begin", func(out http.ResponseWriter, r *http.Request) {
		w.sessions.Begin(out, r, origins, "ada")
	})
	show := func(out http.ResponseWriter, _ *http.Request, err error) {
		var refusal *guard.Refusal
		if !asRefusal(err, &refusal) {
			t.Errorf("a guard refuses with %v", err)
		}
		http.Error(out, err.Error(), refusal.Status)
	}
	g := &guard.Guard{Origins: origins, Sessions: w.sessions, Doors: []string{"/begin", "/static/"}, Stranger: show,
		Refuse: show, Log: slog.New(slog.NewTextHandler(w, nil))}
	w.handler = g.Handler(mux)
	w.server = guard.Server(w.handler)
	go w.server.Serve(listener)
	t.Cleanup(func() { w.server.Close() })
	w.cookie, w.csrf = w.begin()
	return w
}

// begin begins another session.
func (w *world) begin() (cookie *http.Cookie, csrf string) {
	w.t.Helper()
	answer := w.do("GET", "/begin", "", nil)
	if len(answer.Cookies()) != 1 {
		w.t.Fatalf("begun with %v", answer.Header)
	}
	cookie = answer.Cookies()[0]
	csrf, _ = w.text("GET", "/", "", with("Cookie", cookie.Name+"="+cookie.Value))
	return cookie, csrf
}

// changes what a request says.
type changes func(*http.Request)

func with(name, value string) changes {
	return func(r *http.Request) {
		if strings.EqualFold(name, "Host") {
			r.Host = value
			return
		}
		r.Header.Set(name, value)
	}
}

func (w *world) in(r *http.Request) { r.AddCookie(w.cookie) }

func (w *world) form(r *http.Request) {
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

func (w *world) do(method, path, body string, how ...changes) *http.Response {
	w.t.Helper()
	r, err := http.NewRequest(method, "http://"+w.address+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, change := range how {
		if change != nil {
			change(r)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request,
		[]*http.Request) error {
		return http.ErrUseLastResponse
	}}
	answer, err := client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func (w *world) text(method, path, body string, how ...changes) (string, int) {
	w.t.Helper()
	answer := w.do(method, path, body, how...)
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text), answer.StatusCode
}

// raw sends bytes as they are, and gives the first line of the answer.
func (w *world) raw(text string) string {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, text)
	answer, _ := io.ReadAll(conn)
	line, _, _ := strings.Cut(string(answer), "\r\n")
	return line
}
