// Package tracecmd is `bulla trace`: one object followed from the cluster, through Git,
// to the entry of the audit log that let it be opened.
package tracecmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/auditcmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
)

const long = `Follow one object of a cluster to where it comes from.

OBJECT is KIND/NAME, such as secret/payments-db, in the namespace of -n or, without it,
of the context. The way is:

  object      what stands in the cluster, and whose it is
  delivery    the application's Delivery there, and how it fares
  placement   the file in Git that places it on the cluster
  commit      the revision that the Delivery applied, and who made it
  stub        the sealed file that it came out of
  locks       whom its values are for, and under which sealing key
  audit       the entries that let the cluster open it

The cluster is asked with your rights, for metadata alone; Git is the repository that you
are in; the audit log is asked with "bulla login", or read from an export with --log. A
part that cannot be had says why, and the others are shown. No value is read.`

const example = `  bulla trace secret/payments-db -n payments --context prod-eu
  bulla trace deployment/api -n payments -o yaml`

type options struct {
	context, kubeconfig, namespace string
	log                            auditcmd.Log
	format                         render.Format
}

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	o := options{format: render.Text}
	cmd := &cobra.Command{
		Use: "trace OBJECT", Short: "Follow one object of a cluster to where it comes from", Long: long, Example: example,
		Args: command.Args("one object as KIND/NAME", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), s, o, args[0]) },
	}
	shell.KubeFlags(cmd, &o.context, &o.kubeconfig)
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", "`namespace` of the object (default that of the context)")
	o.log.Flag(cmd, "log")
	render.FlagNoNames(cmd.Flags(), &o.format)
	return cmd
}

func run(ctx context.Context, s *shell.Shell, o options, object string) error {
	if err := o.format.CheckNoNames(); err != nil {
		return err
	}
	kind, name, ok := strings.Cut(object, "/")
	if !ok || kind == "" || name == "" || strings.Contains(name, "/") {
		return fault.NewUsage("write KIND/NAME and -n NAMESPACE: bulla trace secret/payments-db -n payments",
			"%q is no object", object)
	}
	t := &tracer{options: o, shell: s, kind: kind, name: name}
	t.fromCluster(ctx)
	t.fromGit(ctx)
	t.fromLog(ctx)
	if t.way.Object.Missing != "" && t.way.Stub.Missing != "" && t.way.Audit.Missing != "" {
		return fault.New("`bulla tree fleetsync NAME` lists what a cluster has, `bulla build PLACEMENT` what Git builds",
			"neither a cluster nor Git says anything of %s: %s; %s", object, t.way.Stub.Missing, t.way.Object.Missing)
	}
	return t.tell()
}
