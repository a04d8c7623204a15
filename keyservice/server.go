package keyservice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/signing"
	"github.com/bulla-dev/bulla/kustomize/source/git"
)

const (
	// pipeline is how many blocks are under way for each session of the token,
	// so that one is always at hand while others are unpacked and wrapped.
	pipeline = 16
	// stopPatience is how long requests under way may take after a stop signal.
	stopPatience = 20 * time.Second
)

// Options are the parts of a [Server]. All but the last three are required.
type Options struct {
	Config  *config.Config
	Store   Store
	Token   Token
	Mirror  *git.Mirror
	Builder *kustomize.Builder
	Log     *slog.Logger
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// RefreshEvery is how often a succession of the authority is looked for; 10s
	// by default.
	RefreshEvery time.Duration
	// Renewal is the listener of [RenewalRoutes]; nil for none.
	Renewal net.Listener
}

// Server is the key service. It answers from [Server.Serve] on.
type Server struct {
	keyservicev1connect.UnimplementedKeyServiceHandler
	keyservicev1connect.UnimplementedAdminServiceHandler

	config    *config.Config
	store     Store
	token     Token
	authority *authority.Authority
	heads     *heads
	journal   recorder
	logKey    string // the journal's, as fleet.yaml must have it
	denials   *denials
	slots     *turnstile.Turns
	limiter   *turnstile.Limiter
	metrics   *metrics
	verdicts  verdicts
	log       *slog.Logger
	now       func() time.Time
	serving   atomic.Pointer[tls.Certificate]
	stopping  atomic.Bool
	people    *authority.People
	roots     shownRoots

	connections *connections
	clones      *clones

	refreshEvery time.Duration
	renewal      net.Listener
}

// New opens the certificate authority (making it at the first start) and takes
// up the head accepted last. Nothing is served yet.
func New(ctx context.Context, o Options) (*Server, error) {
	s := &Server{config: o.Config, store: o.Store, token: o.Token, log: o.Log, now: o.Now, metrics: newMetrics(), renewal: o.Renewal,
		connections: newConnections(), clones: newClones()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.refreshEvery = o.RefreshEvery; s.refreshEvery == 0 {
		s.refreshEvery = authority.RefreshEvery
	}
	s.slots = turnstile.NewTurns(pipeline * max(o.Config.Token.Sessions, 1))
	s.limiter = turnstile.NewLimiter(o.Config.Limits.WithDefaults())
	var err error
	if err := s.refuseRoots(ctx); err != nil {
		return nil, err
	}
	s.authority, err = authority.Open(ctx, authority.Options{Fleet: o.Config.Fleet, TTL: time.Duration(o.Config.CertificateTTL),
		Store: o.Store, Token: o.Token, Log: o.Log, Now: o.Now})
	if err != nil {
		return nil, err
	}
	s.people = authority.NewPeople(o.Config.People, s.authority.ByCertificate())
	if err := s.certify(); err != nil {
		return nil, err
	}
	if err := s.openLog(ctx); err != nil {
		return nil, err
	}
	floor, err := signing.Floor(o.Config.Signing.Spec())
	if err != nil {
		return nil, fmt.Errorf("read signing of the configuration: %w", err)
	}
	s.heads = &heads{
		fleet: o.Config.Fleet, floor: floor, ref: o.Config.Repository.Ref, rootKey: o.Config.RootKey,
		mirror: o.Mirror, builder: o.Builder, rows: o.Store, token: o.Token,
		log: o.Log, metrics: s.metrics, now: s.now, accepted: s.onHead,
		journal: s.journal, denied: s.recordDenials, fresh: newFreshness(o.Config.Repository, s.now), refusals: newRefusal(o.Config.Repository, s.now),
	}
	s.metrics.maxAge.Set(time.Duration(o.Config.Repository.MaxAge).Seconds())
	s.metrics.grace.Set(time.Duration(o.Config.Repository.RefusedGrace).Seconds())
	return s, nil
}

// openLog takes up the audit log and records the start: a service that cannot
// record does not serve.
func (s *Server) openLog(ctx context.Context) error {
	j, err := journal.Open(ctx, journal.Options{
		Fleet: s.config.Fleet, Token: s.token, Store: s.store, Observer: s.metrics, Log: s.log, Now: s.now,
	})
	if err != nil {
		return err
	}
	s.journal, s.logKey, s.denials = j, j.Key(), newDenials(s.now, s.metrics)
	_, err = j.Append(ctx, s.began(j))
	return err
}

// Authority is the certificate of the fleet's authority, which join tokens pin.
func (s *Server) Authority() *x509.Certificate { return s.authority.Certificate() }

// Serve answers on both listeners until ctx ends, then lets requests under way
// finish. It closes the listeners.
func (s *Server) Serve(ctx context.Context, listener, health net.Listener) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s.heads.start(life)
	if err := s.heads.restore(ctx); err != nil {
		// Not fatal: the next head may be good, and readiness says so.
		s.log.Error("accepted head is not usable", "error", err.Error())
	}
	limits := s.config.Limits.WithDefaults()
	public := s.httpServer(s.handler())
	public.TLSConfig = s.tlsConfig()
	private := s.httpServer(s.health())
	failed := make(chan error, 3)
	door := turnstile.NewDoorway(listener, limits, s.refuseStranger)
	go func() { failed <- public.ServeTLS(door, "", "") }()
	go func() { failed <- private.Serve(health) }()
	renewal := s.httpServer(s.renewalHandler())
	renewal.TLSConfig = s.renewalTLS()
	if s.renewal != nil {
		go func() { failed <- renewal.ServeTLS(turnstile.NewDoorway(s.renewal, limits, s.refuseStranger), "", "") }()
	}
	var loops sync.WaitGroup
	defer loops.Wait()
	defer end()
	loops.Go(func() { s.heads.follow(life, time.Duration(s.config.Repository.Interval)) })
	loops.Go(func() { s.recertify(life) })
	loops.Go(func() { s.followDenials(life) })
	s.log.Info("serving", "address", listener.Addr().String(), "health", health.Addr().String())

	var err error
	select {
	case <-ctx.Done():
		s.log.Info("stopping")
		err = s.drain(failed)
	case err = <-failed:
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err = errors.Join(err, public.Shutdown(patience), private.Shutdown(patience), renewal.Shutdown(patience))
	s.flushDenials(patience, true)
	return err
}

// drain goes on answering, not ready, until balancers have noticed.
func (s *Server) drain(failed <-chan error) error {
	s.stopping.Store(true)
	select {
	case <-time.After(time.Duration(s.config.Drain)):
		return nil
	case err := <-failed:
		return err
	}
}

func (s *Server) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute,
		// A connection costs more memory than its handshake costs time: clusters that
		// report every ten minutes need not hold theirs in between.
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: 64},
		ErrorLog:       log.New(lineLog{s.log}, "", 0),
		ConnContext:    withConn,
		ConnState:      s.connections.forget,
	}
}

// lineLog takes the HTTP server's own lines: failed handshakes and the like.
type lineLog struct{ log *slog.Logger }

func (l lineLog) Write(line []byte) (int, error) {
	l.log.Debug("connection", "detail", string(line))
	return len(line), nil
}

var _ io.Writer = lineLog{}

// tlsConfig admits TLS 1.3 only: no version to fall back to, no early data in
// Go's server, and no session tickets, so that every connection shows its
// certificate. The authorities are read for each connection, since they are
// succeeded while the service runs.
func (s *Server) tlsConfig() *tls.Config {
	base := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.VerifyClientCertIfGiven,
		SessionTicketsDisabled: true,
		Time:                   s.now,
		NextProtos:             []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.serving.Load(), nil
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

func (s *Server) certify() error {
	certificate, err := s.authority.IssueServing(s.config.ServerNames)
	if err != nil {
		return err
	}
	s.serving.Store(certificate)
	return nil
}

// recertify replaces the serving certificate at half its life, and when the
// authority was succeeded. A sick token leaves the old one in use and is asked
// again at the next turn.
func (s *Server) recertify(ctx context.Context) {
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
		if s.authority.IsCurrent(s.serving.Load()) {
			continue
		}
		if err := s.certify(); err != nil {
			s.log.Error("serving certificate is not renewed", "error", err.Error())
		}
	}
}

// onHead begins what a new head is the occasion for.
func (s *Server) onHead(of *head) {
	if n := s.connections.cut(of.model); n > 0 {
		s.log.Info("connections are cut: their clusters are not let in any more", "head", of.hash, "connections", n)
	}
	go s.noteMembers(of)
	go s.watchRoots(of)
	s.warm(of)
}

// warm builds the indexes of a new head for the clusters that may ask soon,
// until the next head takes over. A head that was taken up at the start waits for
// the first look: what follows it in Git may be the mending of what it builds.
func (s *Server) warm(of *head) {
	go func() {
		select {
		case <-s.heads.looked:
		case <-s.heads.life.Done():
			return
		}
		names, err := s.store.Enrolled(s.heads.life, s.config.Fleet, s.now())
		if err != nil {
			s.log.Warn("indexes are not built ahead", "error", err.Error())
			return
		}
		for _, name := range names {
			if s.heads.current.Load() != of || s.heads.life.Err() != nil {
				return
			}
			if _, ok := of.model.Clusters[name]; !ok {
				continue
			}
			if _, err := of.indexes.get(s.heads.life, name); err != nil {
				s.log.Warn("index is not built ahead", "cluster", name, "error", err.Error())
			}
		}
	}()
}
