package forge

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	standin "github.com/bulla-dev/bulla/fixtures/forge"
)

// tagging has a stand-in's answers bear tags, and be told that nothing changed, as GitHub's
// and GitLab's are. Its tag is of the body alone: nothing but the account tells two apart that
// are alike.
type tagging struct {
	mu    sync.Mutex
	whole int
	same  int
	sent  []string // tags, as they were asked with
}

func (g *tagging) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := r.Header.Get("If-None-Match")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK || r.Method != http.MethodGet {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	tag := fmt.Sprintf(`W/"%x"`, sha256.Sum256(body))
	answer.Header.Set("ETag", tag)
	answer.Header.Set("Cache-Control", "private, max-age=60")
	answer.Body = io.NopCloser(bytes.NewReader(body))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent = append(g.sent, asked)
	if asked == tag {
		g.same++
		answer.StatusCode, answer.Body = http.StatusNotModified, http.NoBody
	} else {
		g.whole++
	}
	return answer, err
}

func (g *tagging) took() (whole, same int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	whole, same = g.whole, g.same
	g.whole, g.same = 0, 0
	return whole, same
}

// TestWhatDidNotChangeIsNotSentAgain by any of the forges, and what changed is seen at once.
func TestWhatDidNotChangeIsNotSentAgain(t *testing.T) {
	for _, kind := range []string{"github", "gitlab", "gitea"} {
		t.Run(kind, func(t *testing.T) {
			s := standin.New(kind)
			defer s.Close()
			env, far, kept := s.Env(), &tagging{}, &Kept{}
			place, err := FromRemote(s.URL+"/acme/fleet.git", Asked{Kind: kind, URL: env["GITHUB_API_URL"]},
				func(name string) string { return env[name] })
			if err != nil {
				t.Fatal(err)
			}
			place.Through = kept.Over(far)
			look := func() (Request, int) {
				t.Helper()
				f, err := New(place)
				if err != nil {
					t.Fatal(err)
				}
				one, err := f.FindRequest(t.Context(), "bulla/a")
				if err != nil {
					t.Fatal(err)
				}
				open, err := f.OpenRequests(t.Context(), "bulla/")
				if err != nil {
					t.Fatal(err)
				}
				return one, len(open)
			}
			s.Change(func([]standin.Request) []standin.Request {
				return []standin.Request{{Number: 6, Branch: "bulla/a", Base: "main", State: "open", Title: "first"}}
			})
			first, _ := look()
			whole, same := far.took()
			if first.Title != "first" || whole == 0 || same > whole {
				t.Fatalf("%+v: %d whole, %d the same", first, whole, same)
			}
			if again, open := look(); again.Title != "first" || open != 1 {
				t.Errorf("what is kept: %+v, %d open", again, open)
			}
			if again, saved := far.took(); again != 0 || saved == 0 {
				t.Errorf("asked again, %d answers are whole, and %d say that nothing changed", again, saved)
			}
			s.Change(func(all []standin.Request) []standin.Request { all[0].Title = "second"; return all })
			if changed, _ := look(); changed.Title != "second" {
				t.Errorf("what changed is not seen: %+v", changed)
			}
		})
	}
}

// TestNobodyIsToldWhatAnotherAccountWas: not by the tag of theirs, and not by a forge that
// says to everybody that nothing changed.
func TestNobodyIsToldWhatAnotherAccountWas(t *testing.T) {
	kept, asked := &Kept{}, ""
	far := roundTrip(func(r *http.Request) *http.Response {
		asked = r.Header.Get("If-None-Match")
		out := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Etag": {`"one for all"`}},
			Body: io.NopCloser(strings.NewReader("for " + r.Header.Get("Authorization")))}
		if asked != "" {
			out.StatusCode, out.Body = http.StatusNotModified, http.NoBody
		}
		return out
	})
	get := func(token, address string) string {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		r.Header.Set("Authorization", token)
		answer, err := kept.Over(far).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		return string(body)
	}
	const page, other = "https://forge.example.com/pulls", "https://forge.example.com/pulls?page=2"
	for range 2 {
		for _, who := range []string{"ann", "bob"} {
			if got := get(who, page); got != "for "+who {
				t.Errorf("%s is told what is %s", who, got)
			}
		}
	}
	if asked != `"one for all"` {
		t.Errorf("asked again with %q", asked)
	}
	if get("ann", other); asked != "" {
		t.Errorf("another page is asked for with %q", asked)
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// TestWhatIsKeptOfAForgeIsBounded in bytes, whatever it sends.
func TestWhatIsKeptOfAForgeIsBounded(t *testing.T) {
	kept := &Kept{}
	const tagged = len("Etag") + len(`"x"`)
	body := bytes.Repeat([]byte("a"), keptEach-tagged)
	size, header := len(body), http.Header{"Etag": {`"x"`}}
	far := roundTrip(func(*http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusOK, Header: header,
			Body: io.NopCloser(bytes.NewReader(body[:min(size, len(body))]))}
	})
	get := func(i int) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("https://f.example.com/%d", i), nil)
		answer, err := kept.Over(far).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.Copy(io.Discard, answer.Body); err != nil || got != int64(min(size, len(body))) {
			t.Fatalf("%d bytes, %v", got, err)
		}
	}
	for i := range 20 {
		get(i)
	}
	if kept.bytes > keptMost || kept.order.Len() != len(kept.of) || len(kept.of) != keptMost/(keptEach+keptBeside) {
		t.Errorf("%d answers with %d bytes are kept", len(kept.of), kept.bytes)
	}
	body = append(body, 'b')
	size++
	get(19)
	if len(kept.of) != keptMost/(keptEach+keptBeside)-1 {
		t.Errorf("one that is too long is kept: %d", len(kept.of))
	}
	// A header has no bound of its own.
	*kept, body, size = Kept{}, nil, 0
	header.Set("X-Long", strings.Repeat("a", 1<<20))
	for i := range 60 {
		get(i)
	}
	if n := len(kept.of); n == 0 || n<<20 > keptMost {
		t.Errorf("%d answers with a header of 1 MiB are kept", n)
	}
}
