package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/bulla-dev/bulla/api/fault"
)

const callbackPath = "/callback"

// callback is what the browser comes back to. Whatever runs on this machine, and every page
// in its browser, can send something there: only an answer with the state counts, once, and
// what is answered is one of these texts, never a place to go to.
type callback struct {
	// host is the address as it must stand in Host: a name that was made to lead here is
	// another.
	host, state string
	issuer      string
	namesItself bool
	answers     chan answer
}

type answer struct {
	code string
	err  error
}

func newCallback(host, issuer string, namesItself bool) *callback {
	return &callback{host: host, state: rand.Text(), issuer: issuer, namesItself: namesItself,
		answers: make(chan answer, 1)}
}

// ServeHTTP is for [http.Handler].
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Host != c.host || r.URL.Path != callbackPath || r.Method != http.MethodGet {
		http.Error(w, "There is nothing here.", http.StatusNotFound)
		return
	}
	given, err := url.ParseQuery(r.URL.RawQuery)
	state := []byte(given.Get("state"))
	if err != nil || len(given["state"]) != 1 || subtle.ConstantTimeCompare(state, []byte(c.state)) != 1 {
		// Not an end: somebody else's page could stop every sign-in so.
		http.Error(w, "This is not the sign-in that was begun on this machine.", http.StatusBadRequest)
		return
	}
	var got answer
	got.code, got.err = readAnswer(given, c.issuer, c.namesItself)
	select {
	case c.answers <- got:
	default:
		http.Error(w, "This sign-in is over.", http.StatusGone)
		return
	}
	if got.err != nil {
		http.Error(w, "You are not signed in. The terminal says why.", http.StatusBadRequest)
		return
	}
	fmt.Fprintln(w, "The terminal has the answer. You may close this page.")
}

// readAnswer takes an answer whose state is good, and returns its code.
func readAnswer(given url.Values, issuer string, namesItself bool) (code string, err error) {
	for _, name := range []string{"code", "iss", "error"} {
		if len(given[name]) > 1 {
			return "", foreign("it says " + name + " twice")
		}
	}
	// RFC 9207: the answer of another provider would have its code sent to this one, or this
	// one's code to the other.
	if from := given.Get("iss"); given.Has("iss") && from != issuer || namesItself && from != issuer {
		return "", foreign("it is of another provider")
	}
	if given.Has("error") {
		return "", fault.New("the provider's own page says more; an operator of it can say who may use the client",
			"sign in: the provider refuses it: %.60q %.200q", given.Get("error"), given.Get("error_description"))
	}
	if given.Get("code") == "" {
		return "", foreign("it has no code")
	}
	return given.Get("code"), nil
}

// wait returns the code.
func (c *callback) wait(ctx context.Context) (string, error) {
	select {
	case got := <-c.answers:
		return got.code, got.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", fault.New("run it again; without a browser on this machine: --device",
				"sign in: nobody signed in within %s", browserPatience)
		}
		return "", ctx.Err()
	}
}
