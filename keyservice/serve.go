package keyservice

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1/keyservicev1connect"
	"github.com/bulla-dev/bulla/keyservice/turnstile"
)

// Serve answers on both listeners until ctx ends, then lets requests under way
// finish. It closes the listeners.
func (s *Server) Serve(ctx context.Context, listener, health net.Listener) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s.heads.Start(life)
	if err := s.heads.Restore(ctx); err != nil {
		// Not fatal: the next head may be good, and readiness says so.
		s.Log.Error("accepted head is not usable", "error", err.Error())
	}
	limits := s.config.Limits.WithDefaults()
	public := s.httpServer(s.handler(Routes()))
	public.TLSConfig = s.listening.tlsConfig()
	private := s.httpServer(s.health.handler())
	failed := make(chan error, 4)
	door := turnstile.NewDoorway(listener, limits, s.refuseStranger)
	go func() { failed <- public.ServeTLS(door, "", "") }()
	go func() { failed <- private.Serve(health) }()
	renewal := s.httpServer(s.handler(RenewalRoutes()))
	renewal.TLSConfig = s.listening.renewalTLS()
	if s.listening.renewal != nil {
		go func() {
			failed <- renewal.ServeTLS(turnstile.NewDoorway(s.listening.renewal, limits, s.refuseStranger), "", "")
		}()
	}
	hooks := s.httpServer(s.pushes.receiver)
	if s.pushes.listener != nil {
		go func() { failed <- hooks.Serve(s.pushes.listener) }()
	}
	var loops sync.WaitGroup
	defer loops.Wait()
	defer end()
	loops.Go(func() { s.heads.Watch(life, time.Duration(s.config.Repository.Interval)) })
	loops.Go(func() { s.listening.recertify(life) })
	loops.Go(func() { s.FollowDenials(life) })
	loops.Go(func() { s.admins.Collect(life, collectEvery) })
	loops.Go(func() { s.telling.Run(life) })
	loops.Go(func() { s.pushes.follow(life, s.heads.Look) })
	s.Log.Info("serving", "address", listener.Addr().String(), "health", health.Addr().String())

	var err error
	select {
	case <-ctx.Done():
		s.Log.Info("stopping")
		s.clusters.EndHeld() // they find another replica while this one drains
		err = s.drain(failed)
	case err = <-failed:
		s.clusters.EndHeld()
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	for _, server := range []*http.Server{public, private, renewal, hooks} {
		err = errors.Join(err, server.Shutdown(patience))
	}
	s.FlushDenials(patience, true)
	return err
}

// drain goes on answering, not ready, until balancers have noticed.
func (s *Server) drain(failed <-chan error) error {
	s.health.stopping.Store(true)
	select {
	case <-time.After(time.Duration(s.config.Drain)):
		return nil
	case err := <-failed:
		return err
	}
}

// onHead begins what a new head is the occasion for.
func (s *Server) onHead(of *heads.Head) {
	s.clusters.HeadMoved()
	if n := s.front.connections.cut(of.Model); n > 0 {
		s.Log.Info("connections are cut: their clusters are not let in any more", "head", of.Hash, "connections", n)
	}
	go s.admins.NoteMembers(of)
	go s.roots.watchRoots(of)
	s.warm(of)
}

// warm builds the indexes of a new head for the clusters that may ask soon,
// until the next head takes over. A head that was taken up at the start waits for
// the first look: what follows it in Git may be the mending of what it builds.
func (s *Server) warm(of *heads.Head) {
	go func() {
		select {
		case <-s.heads.Looked():
		case <-s.heads.Life().Done():
			return
		}
		names, err := s.store.Enrolled(s.heads.Life(), s.Fleet, s.Now())
		if err != nil {
			s.Log.Warn("indexes are not built ahead", "error", err.Error())
			return
		}
		for _, name := range names {
			if s.heads.Current() != of || s.heads.Life().Err() != nil {
				return
			}
			if _, ok := of.Model.Clusters[name]; !ok {
				continue
			}
			if _, err := of.Index(s.heads.Life(), name); err != nil {
				s.Log.Warn("index is not built ahead", "cluster", name, "error", err.Error())
			}
		}
	}()
}

// handler serves the routes of a table and nothing else.
func (s *Server) handler(table []Route) http.Handler {
	rpc := http.NewServeMux()
	options := s.front.options()
	rpc.Handle(keyservicev1connect.NewKeyServiceHandler(s.clusters, options...))
	rpc.Handle(keyservicev1connect.NewAdminServiceHandler(s.admins, options...))
	return s.front.mux(table, rpc)
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
		ErrorLog:       log.New(lineLog{s.Log}, "", 0),
		ConnContext:    withConn,
		ConnState:      s.front.connections.forget,
	}
}

// lineLog takes the HTTP server's own lines: failed handshakes and the like.
type lineLog struct{ log *slog.Logger }

func (l lineLog) Write(line []byte) (int, error) {
	l.log.Debug("connection", "detail", string(line))
	return len(line), nil
}

var _ io.Writer = lineLog{}

// refuseStranger counts a connection that is closed since its address has its
// share. There may be thousands: the metric is all that is said.
func (s *Server) refuseStranger() { s.Metrics.SentAway("address") }
