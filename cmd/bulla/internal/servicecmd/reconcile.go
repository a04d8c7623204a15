package servicecmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/period"
)

const reconcileLong = `Have the key service and a cluster look at Git now.

Both look by themselves every 15 seconds, unless their configuration says
otherwise; the status of a FleetSync says when it does next. This asks for a look
at once: the key service, where you have a login with the role operator or
developer, and the cluster of --context or --kubeconfig, by an annotation on its
FleetSync. With PLACEMENT the cluster compares everything of that placement with
Git, too, whether it saw a change or not. It returns when it has asked.

With KIND and NAME, "fleetsync fleet" or "delivery payments", it asks for the work on
that one, in the cluster of the current context where no other is named, waits for
it, and tells how it ended. The exit code is 1 where it is not Ready, or not within
--timeout. "bulla status --wait" waits for all clusters.`

const reconcileExample = `  bulla reconcile
  bulla reconcile --context prod-eu
  bulla reconcile fleetsync fleet --context prod-eu
  bulla reconcile delivery payments --context prod-eu --timeout 2m
  bulla reconcile payments --context prod-eu && bulla status --placement payments --wait`

type reconcileFlags struct {
	fleet, kubeContext, kubeconfig, namespace string
	timeout                                   time.Duration
}

func newReconcile(a run) *cobra.Command {
	f := &reconcileFlags{}
	cmd := &cobra.Command{
		Use: "reconcile [PLACEMENT | KIND NAME]", Short: "Have the key service and a cluster look at Git now",
		Long: reconcileLong, Example: reconcileExample,
		Args: command.Args("at most one placement, or a kind and a name", 0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 2:
				return a.reconcileOne(cmd.Context(), f, args[0], args[1])
			case 1:
				return a.reconcile(cmd.Context(), f, args[0])
			}
			return a.reconcile(cmd.Context(), f, "")
		},
		ValidArgsFunction: a.completeReconcile,
	}
	cmd.Flags().StringVar(&f.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "", "`namespace` (default that of the cluster's FleetSync)")
	period.Var(cmd.Flags(), &f.timeout, "timeout", 5*time.Minute, "how long to wait for what KIND and NAME name")
	shell.KubeFlags(cmd, &f.kubeContext, &f.kubeconfig)
	return cmd
}

// completeReconcile completes the kinds, then placements, which Deliveries are called by.
func (a run) completeReconcile(
	cmd *cobra.Command, args []string, typed string,
) ([]string, cobra.ShellCompDirective) {
	placements, directive := a.CompleteNames(func(n shell.Names) []string { return n.Placements })(cmd, args, typed)
	if len(args) > 0 {
		return placements, directive
	}
	return append([]string{"fleetsync", "delivery"}, placements...), directive
}

// reconcileOne asks for the work on one object, and waits for it.
func (a run) reconcileOne(ctx context.Context, f *reconcileFlags, word, name string) error {
	kind, err := kube.KindOf(word, kube.FleetSync, kube.Delivery)
	if err != nil {
		return err
	}
	cluster, err := kube.Connect(f.kubeconfig, f.kubeContext)
	if err != nil {
		return err
	}
	namespace, err := cluster.Home(ctx, f.namespace)
	if err != nil {
		return err
	}
	object, err := cluster.Get(ctx, kind, namespace, name)
	if err != nil {
		return err
	}
	if is, _, _ := unstructured.NestedBool(object.Object, "spec", "suspend"); is {
		return fault.New(fmt.Sprintf("bulla resume %s %s", strings.ToLower(kind), name),
			"%s %q is suspended: nothing would happen", kind, name)
	}
	if kind == kube.FleetSync {
		if err := a.lookAtService(ctx, f.fleet); err != nil && !errors.Is(err, login.ErrNone) {
			a.Warnf("the key service was not asked: %v", err)
		}
	}
	now := time.Now()
	if err := cluster.Request(ctx, kind, namespace, name, now); err != nil {
		return err
	}
	a.Printf("asked %s for the work on %s %q\n", cluster.Where, kind, name)
	out, err := cluster.Await(ctx, kind, namespace, name, kube.Asked(now), f.timeout, a.Progress())
	if err != nil {
		return err
	}
	return out.Tell(kind, name, a.Printf)
}

func (a run) reconcile(ctx context.Context, f *reconcileFlags, placement string) error {
	atCluster := f.kubeContext != "" || f.kubeconfig != ""
	if placement != "" && !atCluster {
		return fault.NewUsage("bulla reconcile "+placement+" --context CONTEXT",
			"a placement is worked on by a cluster, and none is named")
	}
	// The service first: a cluster that is ahead of it waits for it.
	err := a.lookAtService(ctx, f.fleet)
	if err != nil && !atCluster {
		return err
	}
	if err != nil && !errors.Is(err, login.ErrNone) {
		a.Warnf("the key service was not asked: %v", err)
	}
	if !atCluster {
		return nil
	}
	cluster, err := kube.Connect(f.kubeconfig, f.kubeContext)
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
