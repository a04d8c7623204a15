package turnstile

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

const (
	// maxQuotas bounds how many callers' quotas are kept; the one not seen for
	// longest goes first, and starts anew when it comes back.
	maxQuotas = 1 << 14
	// MaxRetryAfter bounds what a caller is told to wait.
	MaxRetryAfter = 5 * time.Minute
)

// Quota is what one caller may take.
type Quota struct {
	requests, digests *rate.Limiter
	inFlight          int

	mu    sync.Mutex
	under int       // requests under way
	turn  time.Time // when a caller that was sent away may come back; see Gate
}

// Allow takes one request out of the quota, or says when to come back.
func (q *Quota) Allow() (wait time.Duration, ok bool) { return Take(q.requests, 1) }

// AllowDigests takes n stubs out of the quota, or none.
func (q *Quota) AllowDigests(n int) (wait time.Duration, ok bool) { return Take(q.digests, n) }

// Charge takes what a request cost beyond what it was let in for. The quota may go
// below nothing: the next request waits for it.
func (q *Quota) Charge(n int) {
	for n > 0 {
		part := min(n, max(1, q.digests.Burst()))
		q.digests.ReserveN(time.Now(), part)
		n -= part
	}
}

// Begin counts a request in, unless too many are under way.
func (q *Quota) Begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.under >= q.inFlight {
		return false
	}
	q.under++
	return true
}

// End counts a request out.
func (q *Quota) End() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.under--
}

// Take never reserves: what was refused costs nothing.
func Take(l *rate.Limiter, n int) (wait time.Duration, ok bool) {
	now := time.Now()
	if l.AllowN(now, n) {
		return 0, true
	}
	missing := float64(n) - l.TokensAt(now)
	if seconds := missing / float64(l.Limit()); seconds < MaxRetryAfter.Seconds() {
		return time.Duration(seconds * float64(time.Second)), false
	}
	return MaxRetryAfter, false
}

// Quotas are those of the callers seen of late. Callers are told apart by what
// they cannot choose: the key of a certificate that the authority signed, or the
// address that the connection comes from. What a header says counts for nothing.
type Quotas struct {
	grant func() *Quota

	mu sync.Mutex // between a look and an addition
	of *lru.Cache
}

func newQuotas(grant func() *Quota) *Quotas { return &Quotas{grant: grant, of: lru.New(maxQuotas)} }

// Get is the quota of a caller, a fresh one where it was not seen of late.
func (q *Quotas) Get(caller string) *Quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known, ok := q.of.Get(caller); ok {
		return known.(*Quota)
	}
	fresh := q.grant()
	q.of.Add(caller, fresh)
	return fresh
}
