package keyservice

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// clockAlarm is how far a cluster's clock may be off before the log says so.
const clockAlarm = 10 * time.Minute

// RenewalRoutes is everything that the renewal listener answers: a cluster whose
// certificate expired, of late, gets a fresh one there, and nothing else.
func RenewalRoutes() []Route {
	return []Route{
		{Method: http.MethodPost, Path: keyservicev1connect.KeyServiceRenewProcedure, Body: 4 << 10, Timeout: 15 * time.Second, InFlight: 16, Auth: AuthExpired},
	}
}

// renewalHandler serves the renewal routes and nothing else.
func (s *Server) renewalHandler() http.Handler {
	_, rpc := keyservicev1connect.NewKeyServiceHandler(s, s.rpcOptions()...)
	return s.mux(RenewalRoutes(), rpc)
}

// renewalTLS asks for a certificate and checks it by hand, since Go's own check
// refuses an expired one before anybody can ask how long ago that was.
func (s *Server) renewalTLS() *tls.Config {
	config := s.tlsConfig()
	admit := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		each, err := admit(hello)
		if err != nil {
			return nil, err
		}
		each.ClientAuth = tls.RequireAnyClientCert
		each.VerifyConnection = func(state tls.ConnectionState) error {
			who, err := s.authority.Expired(&state, time.Duration(s.config.Renewal.Grace))
			if err != nil {
				return err
			}
			s.connections.admit(hello.Conn, who)
			return turnstile.Shown(hello.Conn, true)
		}
		return each, nil
	}
	return config
}

// mayRenew asks the accepted head. With a certificate that still counts, a
// cluster whose file is not merged yet, or says suspend, keeps it alive; with an
// expired one the file must be there, name this key and not say suspend.
func (s *Server) mayRenew(who authority.Cluster, at *head) (reason string) {
	_, reason = clusterAtHead(who, at.model)
	if reason == keyservicev1.ReasonIdentity || who.Expired {
		return reason
	}
	return ""
}

// compareClocks says when a cluster's clock is far from ours. Nothing is decided
// by it: certificates start a day before they are issued, and clusters reckon
// their life from when they got them.
func (s *Server) compareClocks(ctx context.Context, who authority.Cluster, theirs int64) {
	if theirs == 0 {
		return
	}
	off := time.UnixMicro(theirs).Sub(s.now())
	if off.Abs() > clockAlarm {
		s.metrics.clocks.Inc()
		s.log.WarnContext(ctx, "the clocks of cluster and service are apart", "cluster", who.Name, "seconds", int64(off.Seconds()))
	}
}
