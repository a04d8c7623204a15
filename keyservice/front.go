package keyservice

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// front lets requests in: by who asks, by what they may take, and by the entry of
// the route.
type front struct {
	*clerk.Clerk

	authority   *authority.Authority
	people      *authority.People
	limiter     *turnstile.Limiter
	connections *connections
	clones      *clones
	// grace is how long after its end a certificate is renewed.
	grace time.Duration
}

// options are those of every listener. No compression: a caller could have the
// service unpack what is larger than it seems, and pack answers, most of which is
// ciphertext and hashes.
func (s *front) options() []connect.HandlerOption {
	return []connect.HandlerOption{connect.WithReadMaxBytes(maxBody), connect.WithRecover(s.recovered), connect.WithCompression("gzip", nil, nil)}
}

// mux serves what a table has.
func (s *front) mux(table []Route, rpc http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, route := range table {
		mux.Handle(route.Method+" "+route.Path, s.guard(route, rpc))
	}
	return mux
}

// guard holds a route to its entry.
func (s *front) guard(route Route, next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	gate := turnstile.NewGate(route.InFlight, route.Timeout)
	inFlight := s.Metrics.InFlight(route.Path)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), route.Timeout)
		defer cancel()
		body := http.MaxBytesReader(w, r.Body, route.Body)
		w, end := s.connections.begin(w, r)
		defer end()
		quota, err := s.limit(ctx, r, route)
		if err != nil {
			_ = failures.Write(w, r, err) // the caller left
			return
		}
		if !route.Held {
			defer quota.End()
		}
		ctx, err = s.admit(ctx, r, route)
		if err != nil {
			_ = failures.Write(w, r, err)
			return
		}
		leave, back, ok := gate.Enter(ctx, quota)
		if !ok {
			// A connection that waits for nothing is not kept: there may be thousands.
			w.Header().Set("Connection", "close")
			_ = failures.Write(w, r, s.RefuseBusy(route.Path, back))
			return
		}
		defer leave()
		if !route.Held { // thousands wait, and all of them ask for something else in time
			s.traceCluster(ctx, route)
		}
		ctx = turnstile.WithQuota(ctx, quota)
		inFlight.Inc()
		defer inFlight.Dec()
		r.Body = body
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// admit asks who the caller is, as the route demands.
func (s *front) admit(ctx context.Context, r *http.Request, route Route) (context.Context, error) {
	switch route.Auth {
	case AuthJoinToken:
		return ctx, nil
	case AuthCertificate:
		who, err := s.authority.Cluster(r.TLS)
		return s.admitCluster(ctx, route, who, err)
	case AuthExpired:
		who, err := s.authority.Expired(r.TLS, s.grace)
		return s.admitCluster(ctx, route, who, err)
	case AuthPerson:
		return s.admitPerson(ctx, r, route)
	}
	return nil, s.Refuse(keyservicev1.ReasonCertificate, errors.New("the route does not say who may use it"))
}

func (s *front) admitCluster(ctx context.Context, route Route, who authority.Cluster, err error) (context.Context, error) {
	if err != nil {
		return nil, s.RefuseRecorded(ctx, stranger(route), err)
	}
	return authority.WithCluster(ctx, who), nil
}

// traceCluster takes note of a cluster's certificate, once its request is let in:
// a certificate's first use is written down, and a fleet that reconnects as one
// would wait for that with ten thousand connections open.
func (s *front) traceCluster(ctx context.Context, route Route) {
	if who, err := authority.CallingCluster(ctx); err == nil {
		s.clones.trace(ctx, who, route.Path == keyservicev1connect.KeyServiceRenewProcedure)
	}
}

// recovered keeps a panic's text, which may quote what it choked on, from
// caller and log.
func (s *front) recovered(_ context.Context, spec connect.Spec, _ http.Header, _ any) error {
	s.Metrics.Panicked()
	s.Log.Error("handler panicked", "procedure", spec.Procedure)
	return clerk.WireError(keyservicev1.ReasonUnavailable)
}

// stranger is what is recorded of a caller without a certificate: all of them are
// counted together.
func stranger(route Route) audit.Entry {
	e := audit.Entry{Kind: audit.Unseal, Outcome: keyservicev1.ReasonCertificate, Detail: route.Path}
	switch route.Path {
	case keyservicev1connect.KeyServiceRenewProcedure:
		e.Kind = audit.Renew
	case keyservicev1connect.KeyServiceReportProcedure, keyservicev1connect.KeyServiceMayTakeProcedure:
		e.Kind = audit.Report
	}
	if route.Auth == AuthPerson {
		e.Kind = audit.Person
	}
	return e
}
