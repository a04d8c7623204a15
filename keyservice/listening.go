package keyservice

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// listening is the TLS of both listeners, under a certificate that is renewed
// while the service runs.
type listening struct {
	authority   *authority.Authority
	connections *connections
	names       []string
	// renewal is the listener of [RenewalRoutes]; nil for none.
	renewal net.Listener
	// grace is how long after its end a certificate is renewed.
	grace        time.Duration
	refreshEvery time.Duration
	certificate  atomic.Pointer[tls.Certificate]
	now          func() time.Time
	log          *slog.Logger
}

// tlsConfig admits TLS 1.3 only: no version to fall back to, no early data in
// Go's server, and no session tickets, so that every connection shows its
// certificate. The authorities are read for each connection, since they are
// succeeded while the service runs.
func (s *listening) tlsConfig() *tls.Config {
	base := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.VerifyClientCertIfGiven,
		SessionTicketsDisabled: true,
		Time:                   s.now,
		NextProtos:             []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.certificate.Load(), nil
		},
	}
	config := base.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		each := base.Clone()
		each.ClientCAs = s.authority.Pool()
		each.VerifyConnection = func(state tls.ConnectionState) error {
			if who, err := s.authority.Cluster(&state); err == nil {
				s.connections.admit(hello.Conn, who)
			}
			return turnstile.Shown(hello.Conn, len(state.PeerCertificates) > 0)
		}
		return each, nil
	}
	return config
}

func (s *listening) certify() error {
	certificate, err := s.authority.IssueServing(s.names)
	if err != nil {
		return err
	}
	s.certificate.Store(certificate)
	return nil
}

// recertify replaces the serving certificate at half its life, and when the
// authority was succeeded. A sick token leaves the old one in use and is asked
// again at the next turn.
func (s *listening) recertify(ctx context.Context) {
	ticker := time.NewTicker(s.refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if changed, err := s.authority.Refresh(ctx); err != nil {
			s.log.Error("certificate authority is not read again", "error", err.Error())
		} else if changed {
			s.log.Info("certificate authority changed", "generations", s.authority.Generations())
		}
		if s.authority.IsCurrent(s.certificate.Load()) {
			continue
		}
		if err := s.certify(); err != nil {
			s.log.Error("serving certificate is not renewed", "error", err.Error())
		}
	}
}

// renewalTLS asks for a certificate and checks it by hand, since Go's own check
// refuses an expired one before anybody can ask how long ago that was.
func (s *listening) renewalTLS() *tls.Config {
	config := s.tlsConfig()
	admit := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		each, err := admit(hello)
		if err != nil {
			return nil, err
		}
		each.ClientAuth = tls.RequireAnyClientCert
		each.VerifyConnection = func(state tls.ConnectionState) error {
			who, err := s.authority.Expired(&state, s.grace)
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
