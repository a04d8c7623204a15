package guard_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/console/guard"
)

func httptestCookie(origins []string) *http.Cookie {
	out := httptest.NewRecorder()
	(&guard.Sessions{}).Begin(out, httptest.NewRequest("GET", "/", nil), origins, nil)
	return out.Result().Cookies()[0]
}

// TestWhatAPageMayDo stands in the headers of each answer, a refusal too.
func TestWhatAPageMayDo(t *testing.T) {
	w := newWorld(t)
	for _, answer := range []*http.Response{w.do("GET", "/", "", w.in), w.do("GET", "/", ""),
		w.do("GET", "/panics", "", w.in), w.do("GET", "/", "", with("Host", "evil.example")),
		w.do("GET", "/nothing", "", w.in)} {
		policy := answer.Header.Get("Content-Security-Policy")
		for _, never := range []string{"unsafe-inline", "'unsafe-eval'", "http:", "https:", "data:", "*"} {
			if strings.Contains(policy, never) {
				t.Errorf("%d: the policy has %s: %s", answer.StatusCode, never, policy)
			}
		}
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'",
			"Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Permissions-Policy": "camera=()", "X-Frame-Options": "DENY"} {
			if !strings.Contains(answer.Header.Get(name), want) {
				t.Errorf("%d: %s is %q", answer.StatusCode, name, answer.Header.Get(name))
			}
		}
	}
}

// TestNothingThatWasSaidStandsInTheLog: neither names of secrets, nor a query, a body, a
// cookie, or what a page panicked with.
func TestNothingThatWasSaidStandsInTheLog(t *testing.T) {
	w := newWorld(t)
	text, status := w.text("GET", "/panics?q=asked-for", "", w.in)
	if status != http.StatusInternalServerError || strings.Contains(text, said) || strings.Contains(text, "goroutine") {
		t.Errorf("a panic: %d %s", status, text)
	}
	w.text("GET", "/secrets/payments-db?q=asked-for", "", w.in)
	w.text("POST", "/change", "name=asked-for&csrf="+w.csrf, w.in, w.form)
	w.text("ASKED-FOR", "/asked-for", "")
	w.server.Close()
	log := w.logged()
	for _, never := range []string{said, "asked-for", "ASKED-FOR", "payments-db", w.cookie.Value, w.csrf} {
		if strings.Contains(log, never) {
			t.Errorf("the log has %q:\n%s", never, log)
		}
	}
	for _, want := range []string{`method=GET route="GET /secrets/{name}" status=200 took=`,
		`route="POST /change" status=200`, `method=other route=none status=405`, `a page panicked`,
		`route="GET /panics" status=500`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q:\n%s", want, log)
		}
	}
}

// TestNobodyAsksForAll: neither strangers, nor one session; and a stranger takes nothing
// from who is in.
func TestNobodyAsksForAll(t *testing.T) {
	w := newWorld(t)
	until := func(how ...changes) (status int) {
		for range 400 {
			if _, status = w.text("GET", "/", "", how...); status == http.StatusTooManyRequests {
				return status
			}
		}
		return status
	}
	if status := until(); status != http.StatusTooManyRequests {
		t.Errorf("a stranger: %d", status)
	}
	if _, status := w.text("GET", "/", "", w.in); status != http.StatusOK {
		t.Errorf("who is in, beside a stranger: %d", status)
	}
	if status := until(w.in); status != http.StatusTooManyRequests {
		t.Errorf("one session: %d", status)
	}
}

// TestALinkIsGoodOnce, and in its time; one that is guessed spends nothing.
func TestALinkIsGoodOnce(t *testing.T) {
	now := time.Now()
	ticket, token := guard.NewTicket(now)
	_, another := guard.NewTicket(now)
	for _, wrong := range []string{"", "x", another, token[:10], token + "A", strings.ToLower(token)} {
		if err := ticket.Take(wrong, now); err == nil || !strings.Contains(err.Error(), "another token") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	late := now.Add(guard.TicketLife + time.Second)
	if err := ticket.Take(token, late); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Errorf("late: %v", err)
	}
	if err := ticket.Take(token, now); err != nil {
		t.Errorf("in its time: %v", err)
	}
	if err := ticket.Take(token, now); err == nil || !strings.Contains(err.Error(), "used already") {
		t.Errorf("again: %v", err)
	}
}
