// Package uicmd is `bulla ui`: the console on loopback, for whoever sits at this machine.
package uicmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/console"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/console/sealer/static"
	"github.com/bulla-dev/bulla/desk/forge"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/desk/signin"
)

const long = `Open the console: pages that show the fleet, and change it by pull requests.

Run it in a clone of the fleet repository. The pages are of the branch that counts,
which is the default branch of the remote; git fetches it every 3 minutes, into the
clone's remote-tracking branches. Your own changes in the working tree are neither
shown nor touched.

They are served to this machine alone, on loopback. A browser is let in by the link
that this prints, once, within 5 minutes; others are refused. Values are sealed in
your browser, to keys that it verifies under the root key that you pinned ("bulla
trust"), and are never sent to this program.

Without a login to the key service ("bulla login") the pages show what Git says, and
say what is missing.

It ends with Ctrl-C, and by itself after 8 hours in which nobody used it.`

const example = `  # in a clone of the fleet repository
  bulla ui

  # on a machine that has no browser: forward the port, open the link at home
  ssh -L 7070:127.0.0.1:7070 build-host bulla --repo fleet ui --port 7070 --no-browser`

// idle ends the program when nobody used it for so long.
const idle = 8 * time.Hour

type flags struct {
	port      int
	noBrowser bool
	branch    string
	verbose   bool
	forge     forge.Asked
}

// run is one run of the command.
type run struct {
	*shell.Shell
	flags
	// idle is how long nobody may use it.
	idle time.Duration
}

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	r := run{Shell: s, idle: idle}
	cmd := &cobra.Command{
		Use: "ui", Short: "Open the console in your browser", Long: long, Example: example, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	cmd.Flags().IntVar(&r.port, "port", 0, "the `port` on loopback; 0 for any")
	cmd.Flags().BoolVar(&r.noBrowser, "no-browser", false, "print the link, and open no browser")
	cmd.Flags().StringVar(&r.branch, "branch", "", "show this `branch`, and not the remote's default one")
	cmd.Flags().StringVar(&r.forge.Kind, "forge", "",
		"which `forge` the remote is at, if not one that everybody knows: "+strings.Join(forge.Kinds, ", "))
	cmd.Flags().StringVar(&r.forge.URL, "forge-url", "", "`address` of the forge's API, if not at the remote's host")
	cmd.Flags().BoolVarP(&r.verbose, "verbose", "v", false, "say each request: method, page, status and time")
	return cmd
}

func (r run) run(ctx context.Context) error {
	c, err := r.console(ctx)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
	if err != nil {
		return fault.New("another --port, or none for any that is free", "open the console: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return errors.Join(fmt.Errorf("open the console: %v is no address of TCP", listener.Addr()), listener.Close())
	}
	if _, err := static.Built(); err != nil {
		r.Warnf("%s", fault.Line(err))
	}
	local := c.Local(address.Port, slog.New(slog.NewTextHandler(r.Stderr, &slog.HandlerOptions{Level: r.level()})))
	r.Printf("open this link in a browser on this machine; it is good once, for %s:\n%s\n",
		period.Text(guard.TicketLife), local.Link)
	r.Printf("Ctrl-C ends the console\n")
	r.open(local.Link)
	return r.serve(ctx, listener, local)
}

func (r run) level() slog.Level {
	if r.verbose {
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

func (r run) open(link string) {
	if r.noBrowser {
		return
	}
	if err := signin.OpenBrowser(link); err != nil {
		r.Warnf("it does not open by itself (%v): open it yourself", err)
	}
}

// serve serves until the person ends it, or was gone for long.
func (r run) serve(ctx context.Context, listener net.Listener, local *console.Local) error {
	server := guard.Server(local)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	began, look := time.Now(), time.NewTicker(min(r.idle, time.Minute))
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("serve the console: %w", err)
		case <-ctx.Done():
			return stop(ctx, server)
		case <-look.C:
			used := local.Sessions.LastUsed()
			if used.Before(began) {
				used = began
			}
			if time.Since(used) >= r.idle {
				r.Notef("nobody used the console for %s: it ends", period.Text(r.idle))
				return stop(ctx, server)
			}
		}
	}
}

// stop lets answers that are under way end.
func stop(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}
