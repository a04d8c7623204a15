package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// TestOneWhomTheProviderSendsAwayIsAloneInIt: their renewal is always answered with 429, and
// everybody else's token is made anew.
func TestOneWhomTheProviderSendsAwayIsAloneInIt(t *testing.T) {
	w := startTeam(t, "offline_access")
	w.provider.Life(20 * time.Minute)
	b, other := w.browser(), w.browser()
	b.signIn(ada)
	other.signIn(bob)
	var mu sync.Mutex
	hers := "" // what is had for first is ada's
	var answer http.HandlerFunc
	answer = func(out http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if shown := r.PostForm.Get("refresh_token"); hers == "" || hers == shown {
			hers = shown
			http.Error(out, "too often", http.StatusTooManyRequests)
			return
		}
		own := httptest.NewRecorder()
		w.provider.Answers(nil)
		w.provider.ServeHTTP(own, r)
		w.provider.Answers(answer)
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(own.Code)
		_, _ = out.Write(own.Body.Bytes())
	}
	asked := w.provider.Asked(openid.TokenPath)
	w.provider.Answers(answer)
	w.later(9 * time.Minute)
	wait.Until(t, "ada's renewal is sent away", func() bool {
		return b.isIn(ada) && w.provider.Asked(openid.TokenPath) > asked
	})
	w.later(13 * time.Minute) // both tokens ended
	w.provider.Life(2 * time.Hour)
	if p := b.get("/"); p.StatusCode != http.StatusServiceUnavailable || !strings.Contains(p.text, "asked too often") ||
		!strings.Contains(p.text, "you stay signed in here") {
		t.Errorf("ada is told: %d %s", p.StatusCode, p.text)
	}
	if p := other.get("/"); p.StatusCode != http.StatusOK || !other.isIn(bob) {
		t.Errorf("bob, whom the provider answers: %d %s", p.StatusCode, p.text)
	}
	w.provider.Answers(nil)
	w.later(time.Minute)
	wait.Until(t, "ada is in", func() bool { return b.isIn(ada) })
}
