package console_test

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulla-dev/bulla/fixtures/openid"
	"github.com/bulla-dev/bulla/fixtures/wait"
)

// hang has the provider's token endpoint answer nobody, until release gives each who waits an
// answer, and all after them the provider's own.
func (w *team) hang() (release func(status int)) {
	w.t.Helper()
	ended, status := make(chan struct{}), 0
	w.provider.Answers(func(out http.ResponseWriter, r *http.Request) {
		<-ended
		if status == http.StatusOK {
			w.provider.ServeHTTP(out, r)
			return
		}
		http.Error(out, "released", status)
	})
	once := sync.OnceFunc(func() { w.provider.Answers(nil); close(ended) })
	w.t.Cleanup(once)
	return func(with int) { status = with; once() }
}

// soon is below what a provider may take, and far beyond what pages take on a slow machine.
const soon = 8 * time.Second

// pages asks for one n times at once, and gives how each ended.
func (b *visitor) pages(n int) map[int]int {
	b.w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	ended := map[int]int{}
	for range n {
		all.Go(func() {
			p := b.get("/clusters")
			mu.Lock()
			defer mu.Unlock()
			ended[p.StatusCode]++
		})
	}
	all.Wait()
	return ended
}

// TestAProviderThatHangsKeepsNobodyWaiting: who has a token that counts is served while
// another is had for, by one attempt of the session; and once one did not come, nobody else
// is sent after it.
func TestAProviderThatHangsKeepsNobodyWaiting(t *testing.T) {
	w := startTeam(t, "offline_access")
	w.provider.Life(20 * time.Minute)
	b, other := w.browser(), w.browser()
	b.signIn(ada)
	other.signIn(bob)
	asked := w.provider.Asked(openid.TokenPath)
	tried := func(want int) {
		t.Helper()
		if got := w.provider.Asked(openid.TokenPath) - asked; got != want {
			t.Errorf("the provider was asked %d times, want %d", got, want)
		}
	}
	quick := func(b *visitor, n, status int) {
		t.Helper()
		began := time.Now()
		if ended := b.pages(n); ended[status] != n || time.Since(began) > soon {
			t.Errorf("%d pages after %v: %v, want %d", n, time.Since(began), ended, status)
		}
	}
	release := w.hang()
	w.later(9 * time.Minute) // old, and good for another 11 minutes
	quick(b, 1, http.StatusOK)
	before := runtime.NumGoroutine()
	quick(b, 20, http.StatusOK)
	tried(1)
	if after := runtime.NumGoroutine(); after > before+20 {
		t.Errorf("%d goroutines became %d", before, after)
	}
	release(http.StatusServiceUnavailable)
	wait.Until(t, "the log says so", func() bool {
		return strings.Contains(string(w.log.text()), "the provider does not answer")
	})
	// It is left alone: by her, and by everybody else.
	release = w.hang()
	quick(b, 5, http.StatusOK)
	quick(other, 5, http.StatusOK)
	tried(1)
	// After the end of the token one attempt is waited for.
	w.later(13 * time.Minute)
	waiting := make(chan map[int]int)
	go func() { waiting <- b.pages(10) }()
	wait.Until(t, "the provider is asked again", func() bool { return w.provider.Asked(openid.TokenPath) == asked+2 })
	quick(other, 10, http.StatusServiceUnavailable) // one alone asks whether it is back
	release(http.StatusServiceUnavailable)
	if ended := <-waiting; ended[http.StatusServiceUnavailable] != 10 {
		t.Errorf("who waited is told %v", ended)
	}
	tried(2)
	release = w.hang()
	quick(b, 10, http.StatusServiceUnavailable)
	tried(2)
	if p := b.get("/"); !strings.Contains(p.text, "you stay signed in here") || !strings.Contains(p.text, "again in") ||
		strings.Contains(p.text, "released") || strings.Contains(p.text, "frontend") || !strings.Contains(p.text, ada.Email) {
		t.Errorf("what a person is told: %s", p.text)
	}
	// Back, it is asked, and nobody signs in anew.
	w.provider.Life(2 * time.Hour)
	release(http.StatusOK)
	w.later(time.Minute)
	wait.Until(t, "both are in", func() bool { return b.isIn(ada) && other.isIn(bob) })
}

// TestASignInEndsTheSessionBeforeIt, as browsers send cookies: who comes back from the
// provider comes from another site, and that of the session stays behind.
func TestASignInEndsTheSessionBeforeIt(t *testing.T) {
	w := startTeam(t)
	b, other := w.browser(), w.browser()
	b.signIn(ada)
	other.signIn(bob)
	first := b.cookie("bulla")
	at := b.back(b.begin("/"), bob)
	strict := *first
	strict.MaxAge, strict.Value = -1, ""
	b.Jar.SetCookies(must(url.Parse(w.url)), []*http.Cookie{&strict})
	if p := b.get(at); p.StatusCode != http.StatusOK || !b.isIn(bob) {
		t.Fatalf("%d %s", p.StatusCode, p.text)
	}
	if p := w.browser().get("/", "Cookie", first.Name+"="+first.Value); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("the session before goes on: %d", p.StatusCode)
	}
	if !other.isIn(bob) || w.Sessions.Len() != 2 {
		t.Errorf("%d sessions, and the other browser's is over", w.Sessions.Len())
	}
	// What ends it opens nothing.
	ender := b.cookie("before")
	if p := w.browser().get("/", "Cookie", first.Name+"="+ender.Value); p.StatusCode != http.StatusUnauthorized {
		t.Errorf("what ends a session is one: %d", p.StatusCode)
	}
}
