package keyservice

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

// quota is what one caller may take.
type quota struct {
	requests, digests *rate.Limiter
	inFlight          int

	mu    sync.Mutex
	under int       // requests under way
	turn  time.Time // when a caller that was sent away may come back; see gate
}

// allow takes one request out of the quota, or says when to come back.
func (q *quota) allow() (wait time.Duration, ok bool) { return take(q.requests, 1) }

// allowDigests takes n stubs out of the quota, or none.
func (q *quota) allowDigests(n int) (wait time.Duration, ok bool) { return take(q.digests, n) }

// charge takes what a request cost beyond what it was let in for. The quota may go
// below nothing: the next request waits for it.
func (q *quota) charge(n int) {
	for n > 0 {
		part := min(n, max(1, q.digests.Burst()))
		q.digests.ReserveN(time.Now(), part)
		n -= part
	}
}

// take never reserves: what was refused costs nothing.
func take(l *rate.Limiter, n int) (wait time.Duration, ok bool) {
	now := time.Now()
	if l.AllowN(now, n) {
		return 0, true
	}
	missing := float64(n) - l.TokensAt(now)
	if seconds := missing / float64(l.Limit()); seconds < maxRetryAfter.Seconds() {
		return time.Duration(seconds * float64(time.Second)), false
	}
	return maxRetryAfter, false
}

// begin counts a request in, unless too many are under way.
func (q *quota) begin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.under >= q.inFlight {
		return false
	}
	q.under++
	return true
}

func (q *quota) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.under--
}

type quotaKey struct{}

func withQuota(ctx context.Context, q *quota) context.Context {
	return context.WithValue(ctx, quotaKey{}, q)
}

// limitDigests asks for the stubs of one request, before the head is asked.
func (s *Server) limitDigests(ctx context.Context, who caller, n int) error {
	q, ok := ctx.Value(quotaKey{}).(*quota)
	if !ok {
		return s.refuse(keyservicev1.ReasonUnavailable, errors.New("the route has no quota"))
	}
	if wait, ok := q.allowDigests(n); !ok {
		return s.refuseLimited(ctx, who.entry(audit.Unseal, keyservicev1.ReasonLimited), wait, errors.New("too many stubs"))
	}
	return nil
}

// charge takes what a request cost beyond what it was let in for.
func charge(ctx context.Context, operations int) {
	if q, ok := ctx.Value(quotaKey{}).(*quota); ok {
		q.charge(operations)
	}
}

// quotas are those of the callers seen of late. Callers are told apart by what
// they cannot choose: the key of a certificate that the authority signed, or the
// address that the connection comes from. What a header says counts for nothing.
type quotas struct {
	grant func() *quota

	mu    sync.Mutex
	of    map[string]*list.Element
	order *list.List // of *keptQuota, the one seen last in front
}

type keptQuota struct {
	caller string
	quota  *quota
}

func newQuotas(grant func() *quota) *quotas {
	return &quotas{grant: grant, of: map[string]*list.Element{}, order: list.New()}
}

func (q *quotas) get(caller string) *quota {
	q.mu.Lock()
	defer q.mu.Unlock()
	if known, ok := q.of[caller]; ok {
		q.order.MoveToFront(known)
		return known.Value.(*keptQuota).quota
	}
	if q.order.Len() >= maxQuotas {
		last := q.order.Back()
		q.order.Remove(last)
		delete(q.of, last.Value.(*keptQuota).caller)
	}
	fresh := &keptQuota{caller, q.grant()}
	q.of[caller] = q.order.PushFront(fresh)
	return fresh.quota
}

// limiter has the quotas of everybody. People have one by name beside that of
// their certificate: they are few, and each request of theirs is an entry.
type limiter struct {
	clusters, addresses, people *quotas
	enrolments                  *rate.Limiter
}

func newLimiter(l Limits) *limiter {
	perSecond := func(n int) rate.Limit { return rate.Limit(n) }
	return &limiter{
		clusters: newQuotas(func() *quota {
			return &quota{requests: rate.NewLimiter(perSecond(l.RequestsPerSecond), l.RequestBurst),
				digests: rate.NewLimiter(perSecond(l.DigestsPerSecond), l.DigestBurst), inFlight: l.InFlight}
		}),
		addresses: newQuotas(func() *quota {
			share := max(1, 2*l.EnrolmentsPerSecond/5)
			return &quota{requests: rate.NewLimiter(perSecond(share), 5*share), digests: rate.NewLimiter(0, 0), inFlight: l.InFlight}
		}),
		people: newQuotas(func() *quota {
			return &quota{requests: rate.NewLimiter(rate.Every(personEvery), personBurst), digests: rate.NewLimiter(0, 0), inFlight: l.InFlight}
		}),
		enrolments: rate.NewLimiter(perSecond(l.EnrolmentsPerSecond), 5*l.EnrolmentsPerSecond),
	}
}

// limit is the first question of every request, before its certificate is looked
// at again, the head is asked or the body is read.
func (s *Server) limit(ctx context.Context, r *http.Request, route Route) (*quota, error) {
	q := s.quotaOf(r, route)
	wait, ok := q.allow()
	if ok && route.Auth == AuthToken {
		wait, ok = take(s.limiter.enrolments, 1)
	}
	if !ok {
		return nil, s.refuseLimited(ctx, s.limited(r, route), wait, errors.New("too many requests"))
	}
	if !q.begin() {
		return nil, s.refuseLimited(ctx, s.limited(r, route), time.Second, errors.New("too many requests at a time"))
	}
	return q, nil
}

// quotaOf finds the caller's quota.
func (s *Server) quotaOf(r *http.Request, route Route) *quota {
	if key := certificateOf(r.TLS); key != "" && route.Auth != AuthToken {
		return s.limiter.clusters.get(key)
	}
	return s.limiter.addresses.get(sourceOf(r.RemoteAddr))
}

// limited is what is recorded of a caller over its quota.
func (s *Server) limited(r *http.Request, route Route) audit.Entry {
	e := stranger(route)
	e.Outcome = keyservicev1.ReasonLimited
	if certificateOf(r.TLS) == "" || route.Auth == AuthToken {
		return e
	}
	if who, err := s.authority.clusterOf(r.TLS.PeerCertificates[0]); err == nil {
		e.Cluster, e.Identity, e.Certificate = who.cluster, who.identity, who.serial
	} else if who, err := s.authority.readPerson(r.TLS); err == nil {
		e.Kind, e.Person, e.Identity, e.Certificate = audit.Person, who.name, who.identity, who.serial
	}
	return e
}

// certificateOf is the key of the certificate that was verified in the handshake.
func certificateOf(state *tls.ConnectionState) string {
	if state == nil || len(state.PeerCertificates) == 0 {
		return ""
	}
	return protocol.SPKIHash(state.PeerCertificates[0])
}

// sourceOf is the address of the connection's other end; of IPv6 the network that
// one site has.
func sourceOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	address, err := netip.ParseAddr(host)
	if err != nil || address.Is4() || address.Is4In6() {
		return host
	}
	network, err := address.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}
