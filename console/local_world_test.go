package console_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/clone"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/fixtures/testfleet"
	"github.com/bulla-dev/bulla/kustomize"
)

// logged is what a server writes beside its answers.
type logged struct {
	mu   sync.Mutex
	said []byte
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, p...)
	return len(p), nil
}

func (l *logged) text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.said)
}

// local is a console on loopback over a real clone, and the browser of whoever started it.
type local struct {
	*console.Local
	root    *testfleet.Root
	folder  string
	browser *http.Client
	log     logged
	address string
}

func startLocal(t *testing.T) *local {
	t.Helper()
	l := &local{root: testfleet.NewRoot(t), folder: t.TempDir()}
	spec := l.root.Spec(1)
	testfleet.Two().With(testfleet.Files{"fleet.yaml": l.root.File(t, &spec)}).Write(t, l.folder)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-qm", "fleet"}} {
		cmd := exec.Command("git", append([]string{"-C", l.folder, "-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	opened, err := clone.Open(l.folder, "refs/heads/main", kustomize.NewBuilder(kustomize.BuilderOptions{Concurrency: 1}))
	if err != nil {
		t.Fatal(err)
	}
	c, err := console.New(console.Options{Clone: opened, Sealer: program(t),
		RootKey: func(*api.Fleet) (string, error) { return l.root.Key, nil },
		Who:     func(*http.Request) (console.Person, error) { return console.Person{Name: "Ada", Email: "a@b"}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.address = listener.Addr().String()
	l.Local = c.Local(listener.Addr().(*net.TCPAddr).Port, slog.New(slog.NewTextHandler(&l.log, nil)))
	server := guard.Server(l.Local)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	l.browser = newBrowser(t)
	return l
}

// program is one for browsers, as far as a server knows.
func program(t *testing.T) fstest.MapFS {
	t.Helper()
	var packed strings.Builder
	w := brotli.NewWriter(&packed)
	if _, err := w.Write([]byte("program")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"sealer.wasm.br": {Data: []byte(packed.String())}, "wasm_exec.js": {Data: []byte("glue")}}
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	last := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Jar: jar, CheckRedirect: last}
}

func (l *local) get(t *testing.T, browser *http.Client, url string) (text string, answer *http.Response) {
	t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "http://" + l.address + url
	}
	answer, err := browser.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), answer
}
