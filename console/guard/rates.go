package guard

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/time/rate"

	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// Requests a second, and how many at once. A page asks for itself, its style and its
// scripts; a stranger has one page to ask for.
const (
	sessionRate  = 20
	sessionBurst = 200
	// mostStrangers bounds memory; beyond, all addresses begin anew.
	mostStrangers = 1 << 12
)

// alone is for strangers of a console that one person uses.
var alone = Rate{Each: 2, Burst: 60}

// rates are of strangers, by their address. A session has its own, so that nobody
// without one takes from it.
type rates struct {
	each Rate

	mu sync.Mutex
	by map[netip.Addr]*rate.Limiter
}

func newRates(each Rate) *rates {
	if each == (Rate{}) {
		each = alone
	}
	return &rates{each: each, by: map[netip.Addr]*rate.Limiter{}}
}

// take counts a request, or says when to come back.
func (l *rates) take(r *http.Request, s *Session) error {
	limiter := l.stranger(r.RemoteAddr)
	if s != nil {
		limiter = s.rate
	}
	if wait, ok := turnstile.Take(limiter, 1); !ok {
		return refuse(http.StatusTooManyRequests, "wait "+strconv.Itoa(int(wait.Seconds())+1)+" s, and load the page anew",
			"the console was asked too often")
	}
	return nil
}

func (l *rates) stranger(remote string) *rate.Limiter {
	at, _ := netip.ParseAddrPort(remote) // its zero value is one address too
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter, ok := l.by[at.Addr()]
	if !ok {
		if len(l.by) >= mostStrangers {
			clear(l.by)
		}
		limiter = rate.NewLimiter(rate.Limit(l.each.Each), l.each.Burst)
		l.by[at.Addr()] = limiter
	}
	return limiter
}
