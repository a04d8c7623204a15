package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/pkg/runtime/client"
	"github.com/fluxcd/pkg/runtime/leaderelection"
	"github.com/fluxcd/pkg/runtime/logger"
	"github.com/spf13/cobra"
	_ "sigs.k8s.io/controller-runtime/pkg/client/config" // the --kubeconfig flag

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/kustomize"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// options are the flags.
type options struct {
	namespace   string
	storage     string
	metricsAddr string
	healthAddr  string
	eventsAddr  string
	notify      string // the file of providers
	allowHTTP   bool
	concurrent  int
	shutdown    time.Duration

	defaultAccount    string
	applyAsController bool

	build  kustomize.BuilderOptions
	memory int64 // MiB of one build

	client client.Options
	leader leaderelection.Options
	log    logger.Options
}

func newCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "bulla-controller",
		Short: "Deliver what the fleet repository places on this cluster",
		Long: `Deliver what the fleet repository places on this cluster.

The controller needs its CRDs, one FleetSync in its own namespace and a
directory that outlives its restarts. The chart in charts/bulla-controller
brings all of it.`,
		Example: `  # In a cluster, as the chart starts it:
  bulla-controller --storage-path=/data --enable-leader-election

  # From a workstation, against the current kube context:
  bulla-controller --kubeconfig ~/.kube/config --namespace bulla-system --storage-path /tmp/bulla`,
		Args:          command.Needs(),
		Version:       version.Text(),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			logger.SetLogger(newLogger(o.log, printable.Writer(os.Stderr)))
			return run(cmd.Context(), o)
		},
	}
	cmd.SetFlagErrorFunc(command.Flag)
	o.bind(cmd)
	return cmd
}

func (o *options) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.namespace, "namespace", os.Getenv("RUNTIME_NAMESPACE"),
		"Namespace of the FleetSync, the Deliveries and the controller's own Secrets. Default: $RUNTIME_NAMESPACE.")
	f.StringVar(&o.storage, "storage-path", "/data",
		"Directory for the mirror of the fleet repository. Kept over restarts, it lets drift heal while the remote is down.")
	f.StringVar(&o.metricsAddr, "metrics-addr", ":8080", "Address of the metrics endpoint; 0 turns it off.")
	f.StringVar(&o.healthAddr, "health-addr", ":9440", "Address of /healthz and /readyz.")
	f.StringVar(&o.eventsAddr, "events-addr", "",
		"Address of a server that takes events as Flux's controllers send them. Flux's own notification-controller drops "+
			"them: its Alerts know the kinds of Flux alone.")
	f.StringVar(&o.notify, "notify-config", "",
		"File that names receivers of notifications: a chat, Alertmanager, a forge's commit status, CloudEvents. "+
			"Read at the start.")
	f.BoolVar(&o.allowHTTP, "allow-insecure-http", false,
		"Admit fleet repositories over plain http:// that are not on loopback.")
	f.StringVar(&o.defaultAccount, "default-service-account", "",
		"Service account, in a placement's own namespace, that placements without serviceAccountName are applied as. "+
			"Without one they are refused.")
	f.BoolVar(&o.applyAsController, "apply-as-controller", false,
		"Apply placements without serviceAccountName with the controller's own rights, where there is no "+
			"--default-service-account.")
	f.IntVar(&o.concurrent, "concurrent", 4, "Deliveries worked on at once.")
	f.DurationVar(&o.build.Timeout, "build-timeout", 30*time.Second, "Time limit of one build.")
	f.Int64Var(&o.memory, "build-memory", 512, "Memory limit of one build, in MiB.")
	f.IntVar(&o.build.Concurrency, "build-concurrency", 2, "Builds at once.")
	f.DurationVar(&o.shutdown, "graceful-shutdown-timeout", 30*time.Second, "Time for running passes to end on a signal.")
	o.client.BindFlags(f)
	o.leader.BindFlags(f)
	o.log.BindFlags(f)
	if kubeconfig := flag.CommandLine.Lookup("kubeconfig"); kubeconfig != nil {
		f.AddGoFlag(kubeconfig)
	}
}

func (o *options) validate() error {
	if o.namespace == "" {
		return fault.NewUsage("--namespace names the controller's own",
			"--namespace is empty and $RUNTIME_NAMESPACE is not set")
	}
	if o.concurrent < 1 || o.build.Concurrency < 1 || o.memory < 64 || o.build.Timeout <= 0 {
		return fault.NewUsage("bulla-controller --help lists the flags with their defaults",
			"--concurrent and --build-concurrency are at least 1, --build-memory at least 64, --build-timeout more than 0")
	}
	o.build.MemoryLimit = o.memory << 20
	if err := os.MkdirAll(o.storage, 0o700); err != nil {
		return fmt.Errorf("use --storage-path: %w", err)
	}
	return nil
}
