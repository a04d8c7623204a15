package git

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/kustomize/source"
)

func TestARemotesCertificateIsBlamedForWhatItIs(t *testing.T) {
	git := http.HandlerFunc(http.NotFound)
	server := httptest.NewTLSServer(git)
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	plain := httptest.NewServer(git)
	defer plain.Close()
	for name, test := range map[string]struct {
		url   string
		auth  Auth
		want  error
		words string
	}{
		"an authority that nobody knows": {url: server.URL, want: source.ErrCertificate,
			words: "hint: put its authority's certificate into the CA file"},
		"another host's": {url: strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
			auth: Auth{CAFile: ca}, want: source.ErrCertificate, words: "another host name"},
		"a good one": {url: server.URL, auth: Auth{CAFile: ca}, want: source.ErrRemote,
			words: "not found"},
		"no TLS at all": {url: strings.Replace(plain.URL, "http:", "https:", 1), want: source.ErrRemote,
			words: "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Open(t.TempDir(), test.url+"/fleet.git", "main", test.auth, Limits{})
			must(t, err)
			if _, err = m.Look(t.Context()); !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("look: %v, want %v with %q", err, test.want, test.words)
			}
		})
	}
}

func TestARemoteThatWantsToBeLeftAloneIs(t *testing.T) {
	for name, after := range map[string]string{
		"in seconds": "120",
		"as a date":  time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat),
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			defer server.Close()
			m, err := Open(t.TempDir(), server.URL+"/fleet.git", "main", Auth{}, Limits{})
			must(t, err)
			_, first := m.Look(t.Context())
			if left := source.RetryAfter(first); left < time.Minute || left > 2*time.Minute {
				t.Errorf("%v: it wants to be left alone for %s", first, left)
			}
			_, again := m.Look(t.Context())
			_, fetched := m.Fetch(t.Context(), "")
			if asked.Load() != 1 {
				t.Errorf("it was asked %d times", asked.Load())
			}
			if fmt.Sprint(first) != fmt.Sprint(again) || source.RetryAfter(fetched) == 0 {
				t.Errorf("the answers are %v, %v, %v", first, again, fetched)
			}
		})
	}
}
