package keyservice

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// Auth says who may use a route.
type Auth string

const (
	// AuthToken says that the body carries a join token, which the handler spends. A
	// client certificate is neither needed nor looked at.
	AuthToken Auth = "join token"
	// AuthCertificate demands a client certificate of the fleet's authority,
	// checked for this request. The handler asks the accepted head about its name.
	AuthCertificate Auth = "client certificate"
	// AuthExpired demands the same, but the certificate may have expired of late.
	AuthExpired Auth = "client certificate, expired or not"
	// AuthPerson demands a person's certificate, whose name, key and role the
	// configuration has, checked for this request.
	AuthPerson Auth = "person's certificate"
)

// Route is one entry of the attack surface.
type Route struct {
	Method, Path string
	// Body is the greatest body, in bytes; it also bounds what it unpacks to.
	Body int64
	// Timeout bounds the handler.
	Timeout time.Duration
	// InFlight bounds requests at a time; twice as many wait, for at most half of
	// Timeout, and the rest are told when to come back.
	InFlight int
	Auth     Auth
	// Roles, one of which a person must have; for AuthPerson only.
	Roles []config.Role
}

// maxBody is the greatest Body of all routes.
const maxBody = 256 << 10

// Routes is everything that the TLS listener answers.
func Routes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceBeginEnrollProcedure, Body: 16 << 10, Timeout: 15 * time.Second, InFlight: 16, Auth: AuthToken},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceCompleteEnrollProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 16, Auth: AuthToken},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceRenewProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceProveConsistencyProcedure, Body: 1 << 10, Timeout: 15 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceUnsealProcedure, Body: 128 << 10, Timeout: 60 * time.Second, InFlight: 256, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceReportProcedure, Body: maxBody, Timeout: 15 * time.Second, InFlight: 64, Auth: AuthCertificate},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListAuditProcedure, Body: 4 << 10, Timeout: 60 * time.Second, InFlight: 8, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListLedgerProcedure, Body: 4 << 10, Timeout: 60 * time.Second, InFlight: 8, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceRewrapProcedure, Body: 128 << 10, Timeout: 100 * time.Second, InFlight: 2, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceAcceptHistoryProcedure, Body: 1 << 10, Timeout: 60 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceDenyProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceLiftDenialProcedure, Body: 1 << 10, Timeout: 15 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceListDenialsProcedure, Body: 1 << 10, Timeout: 15 * time.Second, InFlight: 8, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleAuditor, config.RoleDeveloper}},
		{Method: http.MethodPost, Path: keyservicev1connect.AdminServiceLookProcedure, Body: 1 << 10, Timeout: 60 * time.Second, InFlight: 4, Auth: AuthPerson,
			Roles: []config.Role{config.RoleOperator, config.RoleDeveloper}},
	}
}

// handler serves the routes and nothing else.
func (s *Server) handler() http.Handler {
	rpc := http.NewServeMux()
	options := s.rpcOptions()
	rpc.Handle(keyservicev1connect.NewKeyServiceHandler(s, options...))
	rpc.Handle(keyservicev1connect.NewAdminServiceHandler(s, options...))
	return s.mux(Routes(), rpc)
}

// rpcOptions are those of every listener. No compression: a caller could have the
// service unpack what is larger than it seems, and pack answers, most of which is
// ciphertext and hashes.
func (s *Server) rpcOptions() []connect.HandlerOption {
	return []connect.HandlerOption{connect.WithReadMaxBytes(maxBody), connect.WithRecover(s.recovered), connect.WithCompression("gzip", nil, nil)}
}

// mux serves what a table has.
func (s *Server) mux(table []Route, rpc http.Handler) http.Handler {
	mux := http.NewServeMux()
	for _, route := range table {
		mux.Handle(route.Method+" "+route.Path, s.guard(route, rpc))
	}
	return mux
}

// guard holds a route to its entry.
func (s *Server) guard(route Route, next http.Handler) http.Handler {
	failures := connect.NewErrorWriter()
	gate := turnstile.NewGate(route.InFlight, route.Timeout)
	inFlight := s.metrics.inFlight.WithLabelValues(route.Path)
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
		defer quota.End()
		ctx, err = s.admit(ctx, r, route)
		if err != nil {
			_ = failures.Write(w, r, err)
			return
		}
		leave, back, ok := gate.Enter(ctx, quota)
		if !ok {
			// A connection that waits for nothing is not kept: there may be thousands.
			w.Header().Set("Connection", "close")
			_ = failures.Write(w, r, s.refuseBusy(route, back))
			return
		}
		defer leave()
		s.traceCluster(ctx, route)
		ctx = withQuota(ctx, quota)
		inFlight.Inc()
		defer inFlight.Dec()
		r.Body = body
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// admit asks who the caller is, as the route demands.
func (s *Server) admit(ctx context.Context, r *http.Request, route Route) (context.Context, error) {
	switch route.Auth {
	case AuthToken:
		return ctx, nil
	case AuthCertificate:
		who, err := s.authority.Cluster(r.TLS)
		return s.admitCluster(ctx, route, who, err)
	case AuthExpired:
		who, err := s.authority.Expired(r.TLS, time.Duration(s.config.Renewal.Grace))
		return s.admitCluster(ctx, route, who, err)
	case AuthPerson:
		return s.admitPerson(ctx, r, route)
	}
	return nil, s.refuse(keyservicev1.ReasonCertificate, errors.New("the route does not say who may use it"))
}

func (s *Server) admitCluster(ctx context.Context, route Route, who authority.Cluster, err error) (context.Context, error) {
	if err != nil {
		return nil, s.refuseRecorded(ctx, stranger(route), err)
	}
	return withCaller(ctx, who), nil
}

// traceCluster takes note of a cluster's certificate, once its request is let in:
// a certificate's first use is written down, and a fleet that reconnects as one
// would wait for that with ten thousand connections open.
func (s *Server) traceCluster(ctx context.Context, route Route) {
	if who, err := callerOf(ctx); err == nil {
		s.trace(ctx, who, route.Path == keyservicev1connect.KeyServiceRenewProcedure)
	}
}

// recovered keeps a panic's text, which may quote what it choked on, from
// caller and log.
func (s *Server) recovered(_ context.Context, spec connect.Spec, _ http.Header, _ any) error {
	s.metrics.panics.Inc()
	s.log.Error("handler panicked", "procedure", spec.Procedure)
	return wireError(keyservicev1.ReasonUnavailable)
}
