package forge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

const (
	// patience is what all requests together may take.
	patience = 2 * time.Minute
	// eachAsk is what one may.
	eachAsk = 20 * time.Second
	// mostWait is the longest that a forge may have us wait, once.
	mostWait = 30 * time.Second
	// mostAnswer is far beyond a page of comments.
	mostAnswer = 32 << 20
)

// asking sends requests: with a bound on each, and once again where the forge says when.
// It remembers how the last was answered, whatever library asked.
type asking struct {
	token, host string
	to          http.RoundTripper

	mu   sync.Mutex
	last int
	wait string
}

// http follows no redirect: the token would go along to whatever
// host it names.
func (a *asking) http() *http.Client {
	none := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: a, Timeout: eachAsk + mostWait + eachAsk, CheckRedirect: none}
}

// RoundTrip implements [http.RoundTripper].
func (a *asking) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := a.send(r)
	if err != nil {
		return nil, err
	}
	wait, told := retryAfter(answer)
	if !told || wait > mostWait || r.Body != nil && r.GetBody == nil {
		return answer, nil
	}
	_ = answer.Body.Close()
	select {
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	case <-time.After(wait):
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
	}
	return a.send(again)
}

func (a *asking) send(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), eachAsk)
	defer cancel()
	answer, err := a.to.RoundTrip(r.WithContext(ctx))
	a.mu.Lock()
	a.last, a.wait = 0, ""
	if err == nil {
		a.last, a.wait = answer.StatusCode, answer.Header.Get("Retry-After")
	}
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	// Read here, under the bound of this request.
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// retryAfter is when a forge that has too much to do wants to be asked again, in seconds
// (RFC 9110, 10.2.3).
func retryAfter(answer *http.Response) (time.Duration, bool) {
	if answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusForbidden {
		return 0, false
	}
	seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	return time.Duration(seconds) * time.Second, err == nil && seconds >= 0
}

func (a *asking) status() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// failed says what was asked of whom, how it was answered, and what to do.
func (f *Forge) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	status := f.asked.status()
	hint := f.at.hint(status, f.asked.wait)
	if errors.Is(err, context.DeadlineExceeded) || status == 0 {
		hint = "the forge cannot be reached, or does not answer: look at " + f.at.URL + ", and run this again"
	}
	text := err.Error()
	if f.at.Token != "" {
		text = strings.ReplaceAll(text, f.at.Token, "…")
	}
	const most = 400
	return fault.New(hint, "%s %s: %s", what, f.at, printable.Line(text, most))
}

// hint is what to do about an answer.
func (p Place) hint(status int, wait string) string {
	switch status {
	case http.StatusUnauthorized:
		return "the token in " + p.TokenFrom + " is wrong, or expired: make another one"
	case http.StatusForbidden:
		return "the token in " + p.TokenFrom + " may not do that: " + p.needs() +
			"; a job for a fork's pull request gets one that only reads: " + manual.At + "how-to/plan.md"
	case http.StatusNotFound:
		return fmt.Sprintf("there is no %s, or the token in %s may not see it: %s; the address was %s", p, p.TokenFrom,
			p.needs(), p.URL)
	case http.StatusConflict:
		return "somebody changes it at the same time: run this again"
	case http.StatusUnprocessableEntity, http.StatusBadRequest:
		return "the forge refuses what is asked: look whether the pull request is locked, and the commit is one of it"
	case http.StatusTooManyRequests:
		if wait == "" {
			return "the forge has too many requests: run this again later"
		}
		return "the forge has too many requests: run this again after " + printable.Line(wait, mostStatus) + " seconds"
	}
	if status >= 300 && status < 400 {
		return "the forge is at another address, and the token goes to none that was not named: give it with --forge-url"
	}
	return "run this again; `bulla plan -o markdown` prints what would stand there"
}
