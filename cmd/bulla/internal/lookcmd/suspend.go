package lookcmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/desk/period"
)

const suspendLong = `Stop the controller's work on a FleetSync or on Deliveries, until "bulla resume".

What runs goes on running. Nothing is applied, healed or pruned meanwhile; what
Git revokes stays in the cluster until somebody resumes. The key service is told,
and "bulla status" says who did it and since when. To stop a placement on all its
clusters write suspend: true into its file.`

const suspendExample = `  bulla suspend delivery payments --context prod-eu
  bulla suspend deliveries --all
  bulla suspend fleetsync fleet`

const resumeLong = `Let the controller go on with what "bulla suspend" stopped, and wait for it.

It tells how the work ended: the revision that stands, or why it does not. The exit
code is 1 where it is not Ready, or not within --timeout. --wait=false returns at
once.`

const resumeExample = `  bulla resume delivery payments --context prod-eu
  bulla resume deliveries --all --timeout 2m`

type suspendFlags struct {
	place
	all, wait bool
	selector  string
	timeout   time.Duration
}

var suspendable = []string{kube.FleetSync, kube.Delivery}

func newSuspend(a run) *cobra.Command {
	f := &suspendFlags{}
	cmd := &cobra.Command{
		Use: "suspend KIND NAME...", Short: "Stop the controller's work on a FleetSync or Deliveries", Long: suspendLong,
		Example: suspendExample, Args: anyArgs("a kind, and names of that kind or --all"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.suspend(cmd.Context(), f, args, true) },
	}
	return a.withTargets(cmd, f)
}

func newResume(a run) *cobra.Command {
	f := &suspendFlags{}
	cmd := &cobra.Command{
		Use: "resume KIND NAME...", Short: "Let the controller go on with what was suspended", Long: resumeLong,
		Example: resumeExample, Args: anyArgs("a kind, and names of that kind or --all"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.suspend(cmd.Context(), f, args, false) },
	}
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait for the controller's work, and tell how it ended")
	period.Var(cmd.Flags(), &f.timeout, "timeout", 5*time.Minute, "how long to wait for each")
	return a.withTargets(cmd, f)
}

func (a run) withTargets(cmd *cobra.Command, f *suspendFlags) *cobra.Command {
	f.add(cmd)
	cmd.Flags().BoolVar(&f.all, "all", false, "all of that kind in the namespace")
	cmd.Flags().StringVarP(&f.selector, "label-selector", "l", "", "all of them that have these labels (`key=value,…`)")
	cmd.ValidArgsFunction = a.completeKinds(suspendable...)
	return cmd
}

func (a run) suspend(ctx context.Context, f *suspendFlags, args []string, suspend bool) error {
	kind, err := kube.KindOf(args[0], suspendable...)
	if err != nil {
		return err
	}
	names := args[1:]
	if (len(names) == 0) != (f.all || f.selector != "") {
		return fault.NewUsage("name some, or give --all or --label-selector", "nothing says which %s are meant",
			kube.Resource(kind).Resource)
	}
	cluster, err := f.connect()
	if err != nil {
		return err
	}
	namespace, err := cluster.Home(ctx, f.namespace)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		list, err := cluster.List(ctx, kind, namespace, f.selector)
		if err != nil {
			return err
		}
		for _, o := range list.Items {
			names = append(names, o.GetName())
		}
		a.Nothing(len(names), kube.Resource(kind).Resource+" of "+cluster.Where)
	}
	for _, name := range names {
		if err := a.suspendOne(ctx, cluster, f, [3]string{kind, namespace, name}, suspend); err != nil {
			return err
		}
	}
	return nil
}

// suspendOne works on one object, named by kind, namespace and name.
func (a run) suspendOne(
	ctx context.Context, cluster *kube.Cluster, f *suspendFlags, object [3]string, suspend bool,
) error {
	kind, namespace, name := object[0], object[1], object[2]
	deed := "resumed"
	if suspend {
		deed = "suspended"
	}
	if err := cluster.Suspend(ctx, kind, namespace, name, suspend); err != nil {
		return err
	}
	a.Printf("%s %s %q of %s\n", deed, kind, name, cluster.Where)
	if suspend || !f.wait {
		return nil
	}
	out, err := cluster.Await(ctx, kind, namespace, name, "", f.timeout, a.Progress())
	if err != nil {
		return err
	}
	return out.Tell(kind, name, a.Printf)
}
