package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/console/session"
)

// lastWords is how long requests under way have to end.
const lastWords = 15 * time.Second

func serve(ctx context.Context, o *options, stderr io.Writer) error {
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	if err := o.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fault.New("--data names a folder that this process may make, and write to", "make data folder: %w", err)
	}
	signIn, err := o.oidc.client(o.url + console.SignInPath)
	if err != nil {
		return err
	}
	groups, err := o.oidc.admits()
	if err != nil {
		return err
	}
	certificate, err := openCertificate(o.tlsCert, o.tlsKey)
	if err != nil {
		return err
	}
	if _, err := static.Built(); err != nil {
		log.Warn("values cannot be sealed in browsers", "error", err.Error(), "hint", fault.Hint(err))
	}
	fleet, err := o.open(ctx, log)
	if err != nil {
		return err
	}
	fleet.options.Drafts = o.drafts()
	pages, err := console.New(fleet.options)
	if err != nil {
		return err
	}
	team, err := pages.Team(console.TeamOptions{URL: o.url, SignIn: signIn, Groups: groups, Idle: o.idle, Life: o.life,
		Log:        log,
		KeyService: session.KeyService{URL: o.keyService, Authority: o.authority}})
	if err != nil {
		return err
	}
	public, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fault.New("another --listen", "serve the pages: %w", err)
	}
	watched := newHealth(fleet.clone, team)
	servers := []*server{{"pages", guard.Server(watched.count(team)), certificate.over(public)}}
	if o.metrics != "" {
		private, err := net.Listen("tcp", o.metrics)
		if err != nil {
			return errors.Join(fault.New("another --metrics-listen", "serve health: %w", err), public.Close())
		}
		servers = append(servers, &server{"health", guard.Server(watched), private})
	}
	log.Info("the console is served", "url", o.url, "address", public.Addr().String(), "version", version.Text(),
		"branch", fleet.clone.Branch, "keyService", o.keyService, "issuer", o.oidc.issuer)
	fleet.follow(ctx)
	return serveAll(ctx, servers)
}

// server is one listener with what it answers.
type server struct {
	what string
	*http.Server

	listener net.Listener
}

// serveAll serves until ctx ends, or one of them fails.
func serveAll(ctx context.Context, servers []*server) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, s := range servers {
		all.Go(func() error {
			if err := s.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", s.what, err)
			}
			return nil
		})
		all.Go(func() error {
			<-ctx.Done()
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			if s.Shutdown(ending) != nil {
				return s.Close()
			}
			return nil
		})
	}
	return all.Wait()
}
