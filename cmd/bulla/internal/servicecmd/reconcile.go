package servicecmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/login"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
)

const reconcileLong = `Have the key service and a cluster look at Git now.

Both look by themselves every 15 seconds, unless their configuration says
otherwise; the status of a FleetSync says when it does next. This asks for a look
at once: the key service, where you have a login with the role operator or
developer, and the cluster of --context or --kubeconfig, by an annotation on its
FleetSync. With PLACEMENT the cluster compares everything of that placement with
Git, too, whether it saw a change or not.

It returns when it has asked. "bulla status --wait" waits for what becomes of it.`

const reconcileExample = `  bulla reconcile
  bulla reconcile --context prod-eu
  bulla reconcile payments --context prod-eu && bulla status --placement payments --wait`

func newReconcile(a run) *cobra.Command {
	var fleet, kubeContext, kubeconfig string
	cmd := &cobra.Command{
		Use: "reconcile [PLACEMENT]", Short: "Have the key service and a cluster look at Git now", Long: reconcileLong,
		Example: reconcileExample,
		Args:    command.Args("at most one placement", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			placement := ""
			if len(args) == 1 {
				placement = args[0]
			}
			return a.reconcile(cmd.Context(), fleet, placement, kubeContext, kubeconfig)
		},
	}
	cmd.Flags().StringVar(&fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	shell.KubeFlags(cmd, &kubeContext, &kubeconfig)
	return cmd
}

func (a run) reconcile(ctx context.Context, fleet, placement, kubeContext, kubeconfig string) error {
	atCluster := kubeContext != "" || kubeconfig != ""
	if placement != "" && !atCluster {
		return fault.NewUsage("bulla reconcile "+placement+" --context CONTEXT",
			"a placement is worked on by a cluster, and none is named")
	}
	// The service first: a cluster that is ahead of it waits for it.
	err := a.lookAtService(ctx, fleet)
	if err != nil && !atCluster {
		return err
	}
	if err != nil && !errors.Is(err, login.ErrNone) {
		a.Warnf("the key service was not asked: %v", err)
	}
	if !atCluster {
		return nil
	}
	cluster, err := kube.Connect(kubeconfig, kubeContext)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	sync, err := cluster.FleetSync(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := cluster.Request(ctx, kube.FleetSync, sync.GetNamespace(), sync.GetName(), now); err != nil {
		return err
	}
	a.Printf("asked the FleetSync %q of %s to look at Git\n", sync.GetName(), cluster.Where)
	if placement == "" {
		return nil
	}
	if err := cluster.Request(ctx, kube.Delivery, sync.GetNamespace(), placement, now); err != nil {
		return err
	}
	a.Printf("asked for placement %q to be compared with Git\n", placement)
	return nil
}

func (a run) lookAtService(ctx context.Context, fleet string) error {
	admin, err := a.Admin(fleet)
	if err != nil {
		return err
	}
	defer admin.Close()
	out, err := admin.Look(ctx)
	if err != nil {
		return login.Refused(err)
	}
	a.Printf("the key service looked at Git, and is at %s\n", out.GetHead())
	if out.GetRefused() {
		a.Warnf("the repository's newest commit is not accepted; the key service's readiness says why")
	}
	return nil
}
