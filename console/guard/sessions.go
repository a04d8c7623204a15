package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// mostSessions bounds memory, mostOfOne what one person has of it: who begins more ends
// their own oldest one, and nobody else's.
const (
	mostSessions = 1 << 12
	mostOfOne    = 16
)

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
	// Holder is whose it is, as who began it says; see [Holder].
	Holder any

	csrf        string
	began, seen time.Time
	rate        *rate.Limiter
	// ender is the hash of what ends it, and is good for nothing else.
	ender [32]byte
}

// Holder is what somebody holds who began a session, where several people do.
type Holder interface {
	// Owner tells people apart.
	Owner() string
	// Ended is called once, when the session is over. It must not wait for anybody: nobody
	// is let in meanwhile.
	Ended()
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
	now, name, ender := s.now(), rand.Text()+rand.Text(), rand.Text()
	s.mu.Lock()
	if s.by == nil {
		s.by = map[[32]byte]*Session{}
	}
	cookie := cookieName(origins)
	s.drop(r, cookie)
	s.dropBefore(r, CookieName(origins, before))
	s.sweep(now, holder)
	s.last = now
	s.by[sha256.Sum256([]byte(name))] = &Session{Holder: holder, csrf: rand.Text(), began: now, seen: now,
		rate: rate.NewLimiter(sessionRate, sessionBurst), ender: sha256.Sum256([]byte(ender))}
	s.mu.Unlock()
	http.SetCookie(w, ownCookie(cookie, name))
	if _, several := holder.(Holder); several {
		http.SetCookie(w, beforeCookie(origins, ender))
	}
}

// End ends the session of a request, and takes its cookie away. Without one it does
// nothing.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request, origins []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie := cookieName(origins)
	if s.drop(r, cookie) {
		if a, ok := r.Context().Value(askedKey{}).(*asked); ok {
			a.session = nil // what is answered now is a stranger's page
		}
		for _, gone := range []*http.Cookie{ownCookie(cookie, ""), beforeCookie(origins, "")} {
			gone.MaxAge = -1
			http.SetCookie(w, gone)
		}
	}
}

// Len is how many there are.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, n := s.now(), 0
	for _, one := range s.by {
		if !s.isOver(one, now) {
			n++
		}
	}
	return n
}

// drop forgets the session that a request's cookie names.
func (s *Sessions) drop(r *http.Request, cookie string) bool {
	sent, err := r.Cookie(cookie)
	if err != nil {
		return false
	}
	s.forget(sha256.Sum256([]byte(sent.Value)))
	return true
}

func (s *Sessions) forget(at [32]byte) {
	one, ok := s.by[at]
	if !ok {
		return
	}
	delete(s.by, at)
	if h, ok := one.Holder.(Holder); ok {
		h.Ended()
	}
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
		s.forget(at)
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

// sweep forgets what ended, and makes room for one more: that of the same person, or of
// all, which was not seen for longest.
func (s *Sessions) sweep(now time.Time, holder any) {
	next, known := holder.(Holder)
	var oldest, own [32]byte
	owned := 0
	for at, one := range s.by {
		if s.isOver(one, now) {
			s.forget(at)
			continue
		}
		oldest = s.older(oldest, at)
		if h, ok := one.Holder.(Holder); ok && known && h.Owner() == next.Owner() {
			owned++
			own = s.older(own, at)
		}
	}
	if owned >= mostOfOne {
		s.forget(own)
	} else if len(s.by) >= mostSessions {
		s.forget(oldest)
	}
}

// older is the one of two that was not seen for longer; a is none at first.
func (s *Sessions) older(a, b [32]byte) [32]byte {
	if before, ok := s.by[a]; ok && before.seen.Before(s.by[b].seen) {
		return a
	}
	return b
}
