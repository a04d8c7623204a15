package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/notify"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

// startTimeout bounds loading the token's module and logging in.
const startTimeout = time.Minute

func newServeCommand() *cobra.Command {
	var file string
	var hold bool
	cmd := &cobra.Command{
		Use:   "serve --config FILE",
		Short: "Answer the clusters",
		Long: `serve reads the fleet repository, opens the token in a process of its own, and
answers over TLS 1.3. Logs go to standard error, one JSON object a line. The
health listener has /healthz, /readyz and /metrics.

It stops on SIGTERM or Ctrl-C, after the requests under way. On SIGHUP it reads
"people" of the configuration again: who was removed is refused from the next
request on, on open connections too.`,
		Example: `  bulla-keyservice serve --config keyservice.yaml

  # keyservice.yaml
  fleet: 6f1c0d0e5a7b4c3d8e9f001122334455     # both printed by init: write yours
  rootKey: acme+1b2c3d4e+AjQ...
  repository: {url: https://git.example.com/fleet.git, ref: main, passwordFile: git-password}
  token: {module: /usr/lib/softhsm/libsofthsm2.so, label: acme, pinFile: pin, sessions: 4}
  listen: 0.0.0.0:8443
  serverNames: [keyservice.example.com]
  health: 127.0.0.1:9090
  dataDir: /var/lib/bulla`,
		Args: command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), file, hold, cmd.ErrOrStderr())
		},
	}
	parts.AddConfigFlag(cmd, &file)
	cmd.Flags().BoolVar(&hold, "hold-refused-pin", false,
		"when the token refuses the PIN, stay and be not ready: whoever restarts what ended would try it until tokens lock")
	return cmd
}

func serve(ctx context.Context, file string, hold bool, stderr io.Writer) error {
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	// The credentials that the configuration names are read before anything is
	// made; the PIN once, since it may come through a pipe.
	if _, err := config.Repository.Auth(); err != nil {
		return err
	}
	access, err := parts.TokenConfig(config, log)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(config.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	rows, err := parts.OpenStore(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	mirror, err := parts.OpenMirror(config)
	if err != nil {
		return err
	}
	token, err := startWorker(ctx, access)
	if hold && errors.Is(err, hsm.ErrPIN) {
		return holdRefusedPIN(ctx, config.Health, err, log)
	}
	if err != nil {
		return err
	}
	defer token.Close()
	hooks, err := config.Receiver.Load()
	if err != nil {
		return fault.WithHint(err, "receiver.hooks[].secretFile in the configuration names a file that holds the secret "+
			"alone: openssl rand -hex 32")
	}
	tell, err := providers(config.NotificationsFile)
	if err != nil {
		return err
	}
	ports, err := listen(config)
	if err != nil {
		return err
	}
	builder := kustomize.NewBuilder(kustomize.BuilderOptions{})
	service, err := keyservice.New(ctx, keyservice.Options{
		Config: config, Store: rows, Token: token, Source: mirror, Log: log,
		Builder: builder, Renewal: ports.renewal, Receiver: ports.receiver, Hooks: hooks, Notify: tell,
		Version: version.Text(),
	})
	if err != nil {
		return errors.Join(err, ports.close())
	}
	tellConfinement(ctx, builder, log)
	defer reloadPeople(ctx, file, service, log)()
	return service.Serve(ctx, ports.public, ports.health)
}

// providers are those who are told; none without a file.
func providers(file string) ([]notify.Provider, error) {
	if file == "" {
		return nil, nil
	}
	read, err := notify.Load(file)
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("read notificationsFile: %w", err),
			"the file is shown at "+manual.At+"operations/notifications.md")
	}
	return read, nil
}

// tellConfinement says how far builds are kept from the rest of the machine: what a
// container's settings take away is seen by nobody otherwise.
func tellConfinement(ctx context.Context, builder *kustomize.Builder, log *slog.Logger) {
	missing, err := builder.Unconfined(ctx)
	switch {
	case err != nil:
		log.Warn("how builds are confined is not known", "error", err.Error())
	case len(missing) > 0:
		log.Warn("builds are confined, with parts missing", "missing", missing, "hint", kustomize.ConfinementHint)
	default:
		log.Info("builds are confined", "missing", missing)
	}
}

// reloadPeople reads the people again on SIGHUP, until the function that it
// returns is called. Nothing else of the file is taken: the rest needs a start. A
// file that does not load changes nothing, and the log says so.
func reloadPeople(ctx context.Context, file string, service *keyservice.Server, log *slog.Logger) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for range hangups {
			config, err := parts.LoadConfig(file)
			if err != nil {
				log.Error("people are not read again; those of before stay", "error", err.Error())
				continue
			}
			if err := service.SetPeople(ctx, config.People); err != nil {
				log.Error("people are read again, and something is wrong", "error", err.Error())
				continue
			}
			if err := service.SetGroups(ctx, config.OIDC); err != nil {
				log.Error("groups are read again, and something is wrong", "error", err.Error())
				continue
			}
			log.Info("people are read again", "people", len(config.People), "groups", len(config.OIDC.Groups))
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
	}
}

func startToken(ctx context.Context, config *config.Config, log *slog.Logger) (*hsm.Worker, error) {
	token, err := parts.TokenConfig(config, log)
	if err != nil {
		return nil, err
	}
	return startWorker(ctx, token)
}

func startWorker(ctx context.Context, token hsm.Config) (*hsm.Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return hsm.Start(ctx, token, nil)
}

// ports are the listeners; renewal and receiver are nil where none is configured.
type ports struct{ public, health, renewal, receiver net.Listener }

func listen(config *config.Config) (p ports, err error) {
	for _, l := range []struct {
		what, address string
		into          *net.Listener
	}{
		{"clusters", config.Listen, &p.public}, {"health", config.Health, &p.health},
		{"renewal", config.Renewal.Listen, &p.renewal}, {"webhooks", config.Receiver.Listen, &p.receiver},
	} {
		if l.address == "" {
			continue
		}
		if *l.into, err = net.Listen("tcp", l.address); err != nil {
			return ports{}, errors.Join(fmt.Errorf("listen for %s: %w", l.what, err), p.close())
		}
	}
	return p, nil
}

func (p ports) close() error {
	var errs []error
	for _, l := range []net.Listener{p.public, p.health, p.renewal, p.receiver} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
