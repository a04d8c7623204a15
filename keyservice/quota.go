package keyservice

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// limit is the first question of every request, before its certificate is looked
// at again, the head is asked or the body is read.
func (s *front) limit(ctx context.Context, r *http.Request, route Route) (*turnstile.Quota, error) {
	q := s.find(r, route)
	wait, ok := q.Allow()
	if ok && route.Auth == AuthJoinToken {
		wait, ok = turnstile.Take(s.limiter.Enrolments, 1)
	}
	if !ok {
		return nil, s.RefuseLimited(ctx, s.limited(r, route), wait, errors.New("too many requests"))
	}
	if !route.Held && !q.Begin() {
		return nil, s.RefuseLimited(ctx, s.limited(r, route), time.Second, errors.New("too many requests at a time"))
	}
	return q, nil
}

// find is the caller's quota.
func (s *front) find(r *http.Request, route Route) *turnstile.Quota {
	if key := certificateOf(r.TLS); key != "" && route.Auth != AuthJoinToken {
		return s.limiter.Clusters.Get(key)
	}
	return s.limiter.Addresses.Get(turnstile.SourceOf(r.RemoteAddr))
}

// limited is what is recorded of a caller over its quota.
func (s *front) limited(r *http.Request, route Route) audit.Entry {
	e := stranger(route)
	e.Outcome = keyservicev1.ReasonLimited
	if certificateOf(r.TLS) == "" || route.Auth == AuthJoinToken {
		return e
	}
	if who, err := s.authority.ClusterOf(r.TLS.PeerCertificates[0]); err == nil {
		e.Cluster, e.Identity, e.Certificate = who.Name, who.Identity, who.Serial
	} else if who, err := s.authority.Person(r.TLS); err == nil {
		e.Kind, e.Person, e.Identity, e.Certificate = audit.Person, who.Name, who.Identity, who.Serial
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
