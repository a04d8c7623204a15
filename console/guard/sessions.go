package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// mostSessions bounds memory: a person who begins more ends their oldest ones.
const mostSessions = 1 << 12

// Sessions are who is in. They are in memory alone: a restart ends all.
type Sessions struct {
	// Idle ends a session that was not used for so long, Life each one.
	Idle, Life time.Duration
	// Now is the clock; nil is the system's.
	Now func() time.Time

	mu sync.Mutex
	// by is by the hash of the cookie: what a look-up takes says nothing about it.
	by   map[[32]byte]*Session
	last time.Time
}

// Session is one browser's.
type Session struct {
	// Holder is whose it is, as who began it says.
	Holder any

	csrf        string
	began, seen time.Time
	rate        *rate.Limiter
}

func (s *Sessions) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Begin begins a session of holder in the browser that asked, always under a new name:
// one that somebody else put there before is worth nothing.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, origins []string, holder any) {
	now, name := s.now(), rand.Text()+rand.Text()
	s.mu.Lock()
	if s.by == nil {
		s.by = map[[32]byte]*Session{}
	}
	cookie := cookieName(origins)
	if before, err := r.Cookie(cookie); err == nil {
		delete(s.by, sha256.Sum256([]byte(before.Value)))
	}
	s.sweep(now)
	s.last = now
	s.by[sha256.Sum256([]byte(name))] = &Session{Holder: holder, csrf: rand.Text(), began: now, seen: now,
		rate: rate.NewLimiter(sessionRate, sessionBurst)}
	s.mu.Unlock()
	http.SetCookie(w, ownCookie(cookie, name))
}

// LastUsed is when anybody with a session asked for anything; its zero value is never.
func (s *Sessions) LastUsed() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// find is the session of a request's cookie; nil where there is none, or where it ended.
func (s *Sessions) find(r *http.Request, cookie string) *Session {
	sent, err := r.Cookie(cookie)
	if err != nil {
		return nil
	}
	now, at := s.now(), sha256.Sum256([]byte(sent.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.by[at]
	if !ok {
		return nil
	}
	if s.isOver(found, now) {
		delete(s.by, at)
		return nil
	}
	// A page that asks for itself, in a window that somebody left open, is nobody's use.
	if r.Header.Get("HX-Request") != "true" {
		found.seen, s.last = now, now
	}
	return found
}

func (s *Sessions) isOver(one *Session, now time.Time) bool {
	return now.Sub(one.seen) > s.Idle || now.Sub(one.began) > s.Life
}

// sweep forgets what ended, and the one that was not seen for longest where there are
// too many.
func (s *Sessions) sweep(now time.Time) {
	var oldest [32]byte
	for at, one := range s.by {
		if s.isOver(one, now) {
			delete(s.by, at)
		} else if before, ok := s.by[oldest]; !ok || one.seen.Before(before.seen) {
			oldest = at
		}
	}
	if len(s.by) >= mostSessions {
		delete(s.by, oldest)
	}
}

// hostPrefix has browsers take a cookie by TLS alone, and from no other host of the
// domain.
const hostPrefix = "__Host-"

// cookieName has the port in it where there is no TLS: browsers keep cookies for all
// ports of a host together, and two consoles on loopback would end each other's session.
func cookieName(origins []string) string {
	o := newOrigins(origins)
	if o.secure {
		return hostPrefix + "bulla"
	}
	if len(o.hosts) > 0 {
		_, port, _ := strings.Cut(o.hosts[0], ":")
		return "bulla-" + port
	}
	return "bulla"
}

func ownCookie(name, value string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure but on loopback, where there is no TLS
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: strings.HasPrefix(name, hostPrefix)}
}
