package receiver

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bulla-dev/bulla/fixtures/wait"
)

const secret = "a secret of the forge's"

const push = `{"ref":"refs/heads/main","after":"9f2b"}`

func mac(h func() hash.Hash, key, body string) string {
	m := hmac.New(h, []byte(key))
	io.WriteString(m, body)
	return hex.EncodeToString(m.Sum(nil))
}

// heard is a receiver with one hook of each type, named as its type.
type heard struct {
	*Receiver
	pushes  atomic.Int64
	results sync.Map
	log     bytes.Buffer
}

func newReceiver() *heard {
	h := &heard{}
	o := Options{
		Push:    func(string) { h.pushes.Add(1) },
		Observe: func(r Result) { h.results.Store(r, true) },
		Log:     slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, kind := range Types() {
		o.Hooks = append(o.Hooks, Hook{Name: string(kind), Type: kind, Secret: []byte(secret)})
	}
	h.Receiver = New(o)
	return h
}

func (h *heard) send(kind Type, header, proof, body string) int {
	request := httptest.NewRequest(http.MethodPost, Path(string(kind)), strings.NewReader(body))
	if header != "" {
		request.Header.Set(header, proof)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	if answer.Body.Len() > 0 {
		panic("an answer says something: " + answer.Body.String())
	}
	return answer.Code
}

func TestEachForgeIsHeardInItsOwnWay(t *testing.T) {
	for kind, sent := range map[Type][2]string{
		GitHub:      {"X-Hub-Signature-256", "sha256=" + mac(sha256.New, secret, push)},
		GitLab:      {"X-Gitlab-Token", secret},
		Gitea:       {"X-Gitea-Signature", mac(sha256.New, secret, push)},
		Bitbucket:   {"X-Hub-Signature", "sha256=" + mac(sha256.New, secret, push)},
		GenericHMAC: {"X-Signature", "sha512=" + mac(sha512.New, secret, push)},
	} {
		h := newReceiver()
		if got := h.send(kind, sent[0], sent[1], push); got != http.StatusAccepted || h.pushes.Load() != 1 {
			t.Errorf("%s: status %d and %d pushes, want 202 and 1", kind, got, h.pushes.Load())
		}
	}
}

// Each row is one wrong thing.
func TestAHookThatIsNotTheForgesIsRefused(t *testing.T) {
	right, others, longer := mac(sha256.New, secret, push), mac(sha256.New, "other", push), mac(sha512.New, secret, push)
	tooMuch := strings.Repeat("x", maxBody+1)
	for name, row := range map[string]struct {
		kind          Type
		header, proof string
		body          string
		want          int
	}{
		"no signature":               {GitHub, "", "", push, 401},
		"an empty one":               {GitHub, "X-Hub-Signature-256", "", push, 401},
		"another secret":             {GitHub, "X-Hub-Signature-256", "sha256=" + others, push, 401},
		"another body":               {GitHub, "X-Hub-Signature-256", "sha256=" + right, push + " ", 401},
		"cut short":                  {GitHub, "X-Hub-Signature-256", "sha256=" + right[:62], push, 401},
		"no hexadecimal":             {GitHub, "X-Hub-Signature-256", "sha256=" + strings.Repeat("z", 64), push, 401},
		"no name of the hash":        {GitHub, "X-Hub-Signature-256", right, push, 401},
		"SHA-1":                      {GitHub, "X-Hub-Signature-256", "sha1=" + right[:40], push, 401},
		"another forge's header":     {GitHub, "X-Gitea-Signature", right, push, 401},
		"a name where none is":       {Gitea, "X-Gitea-Signature", "sha256=" + right, push, 401},
		"SHA-512 where it is not":    {Bitbucket, "X-Hub-Signature", "sha512=" + longer, push, 401},
		"another token":              {GitLab, "X-Gitlab-Token", secret + "x", push, 401},
		"a signature for a token":    {GitLab, "X-Gitlab-Token", right, push, 401},
		"a hook that nobody set up":  {"other", "X-Hub-Signature-256", "sha256=" + right, push, 404},
		"more than the largest body": {GitHub, "X-Hub-Signature-256", "sha256=" + right, tooMuch, 413},
	} {
		t.Run(name, func(t *testing.T) {
			h := newReceiver()
			if got := h.send(row.kind, row.header, row.proof, row.body); got != row.want || h.pushes.Load() != 0 {
				t.Errorf("status %d and %d pushes, want %d and none", got, h.pushes.Load(), row.want)
			}
			if log := h.log.String(); strings.Contains(log, secret) || strings.Contains(log, right) {
				t.Errorf("the log tells the secret, or a signature: %s", log)
			}
		})
	}
}

func TestTwoSignaturesAreNone(t *testing.T) {
	h := newReceiver()
	request := httptest.NewRequest(http.MethodPost, Path("github"), strings.NewReader(push))
	request.Header["X-Hub-Signature-256"] = []string{
		"sha256=" + mac(sha256.New, secret, push), "sha256=" + strings.Repeat("0", 64),
	}
	answer := httptest.NewRecorder()
	if h.ServeHTTP(answer, request); answer.Code != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", answer.Code)
	}
}

func TestOnlyPostsAreHeard(t *testing.T) {
	h := newReceiver()
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(method, Path("github"), nil))
		if answer.Code != http.StatusMethodNotAllowed || answer.Header().Get("Allow") != http.MethodPost {
			t.Errorf("%s: status %d, Allow %q", method, answer.Code, answer.Header().Get("Allow"))
		}
	}
}

// stalled is a body that never ends by itself.
type stalled struct{ until chan struct{} }

func (s stalled) Read([]byte) (int, error) { <-s.until; return 0, io.EOF }

// Whoever sends slowly takes a place and no more than all of them: the next is told to
// come again, at once.
func TestFewBodiesAreReadAtATime(t *testing.T) {
	h, until := newReceiver(), make(chan struct{})
	var slow sync.WaitGroup
	for range maxAtOnce {
		slow.Go(func() {
			request := httptest.NewRequest(http.MethodPost, Path("github"), stalled{until})
			request.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
			h.ServeHTTP(httptest.NewRecorder(), request)
		})
	}
	wait.Until(t, "every place is taken", func() bool { return h.reading.Load() == maxAtOnce })
	proof := "sha256=" + mac(sha256.New, secret, push)
	if got := h.send(GitHub, "X-Hub-Signature-256", proof, push); got != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", got)
	}
	close(until)
	slow.Wait()
	if got := h.send(GitHub, "X-Hub-Signature-256", proof, push); got != http.StatusAccepted {
		t.Errorf("status %d once they are gone, want 202", got)
	}
}

func FuzzClaim(f *testing.F) {
	for _, kind := range Types() {
		f.Add(string(kind), "sha256="+mac(sha256.New, secret, push))
		f.Add(string(kind), secret)
		f.Add(string(kind), "=")
	}
	f.Fuzz(func(t *testing.T, kind, value string) {
		p, ok := Type(kind).claim(http.Header{Type(kind).header(): {value}})
		if !ok {
			return
		}
		if !Type(kind).Known() {
			t.Fatalf("a claim of type %q", kind)
		}
		is, err := p.holds([]byte("nobody knows this one"), strings.NewReader(push))
		if err != nil || is && value != "nobody knows this one" && Type(kind) == GitLab {
			t.Fatalf("%q holds as %q: %v", value, kind, err)
		}
	})
}
