package keyservice

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
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
)

// Route is one entry of the attack surface.
type Route struct {
	Method, Path string
	// Body is the greatest body, in bytes; it also bounds what it unpacks to.
	Body int64
	// Timeout bounds the handler.
	Timeout time.Duration
	// InFlight bounds requests at a time; more wait, for as long as Timeout.
	InFlight int
	Auth     Auth
}

// maxBody is the greatest Body of all routes.
const maxBody = 128 << 10

// Routes is everything that the TLS listener answers.
func Routes() []Route {
	return []Route{
		{http.MethodPost, keyservicev1connect.KeyServiceBeginEnrollProcedure, 16 << 10, 15 * time.Second, 16, AuthToken},
		{http.MethodPost, keyservicev1connect.KeyServiceCompleteEnrollProcedure, 4 << 10, 15 * time.Second, 16, AuthToken},
		{http.MethodPost, keyservicev1connect.KeyServiceRenewProcedure, 4 << 10, 15 * time.Second, 64, AuthCertificate},
		{http.MethodPost, keyservicev1connect.KeyServiceUnsealProcedure, maxBody, 60 * time.Second, 256, AuthCertificate},
	}
}

// handler serves the routes and nothing else.
func (s *Server) handler() http.Handler {
	_, rpc := keyservicev1connect.NewKeyServiceHandler(s, connect.WithReadMaxBytes(maxBody), connect.WithRecover(s.recovered))
	mux := http.NewServeMux()
	for _, route := range Routes() {
		mux.Handle(route.Method+" "+route.Path, s.guard(route, rpc))
	}
	return mux
}

// guard holds a route to its entry.
func (s *Server) guard(route Route, next http.Handler) http.Handler {
	errors := connect.NewErrorWriter()
	slots := make(chan struct{}, route.InFlight)
	inFlight := s.metrics.inFlight.WithLabelValues(route.Path)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), route.Timeout)
		defer cancel()
		if route.Auth == AuthCertificate {
			who, err := s.authority.readCaller(r.TLS)
			if err != nil {
				_ = errors.Write(w, r, s.refuse(keyservicev1.ReasonCertificate, err)) // the caller left
				return
			}
			ctx = withCaller(ctx, who)
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			_ = errors.Write(w, r, s.refuse(keyservicev1.ReasonUnavailable, ctx.Err()))
			return
		}
		defer func() { <-slots }()
		inFlight.Inc()
		defer inFlight.Dec()
		r.Body = http.MaxBytesReader(w, r.Body, route.Body)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// recovered keeps a panic's text, which may quote what it choked on, from
// caller and log.
func (s *Server) recovered(_ context.Context, spec connect.Spec, _ http.Header, _ any) error {
	s.metrics.panics.Inc()
	s.log.Error("handler panicked", "procedure", spec.Procedure)
	return wireError(keyservicev1.ReasonUnavailable)
}
