// Package diffcmd is `bulla diff`: what a cluster would change by the tree that stands
// here. Nothing is written, and no value is read: a sealed object is compared by its
// metadata, in which its content digest stands.
package diffcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/kube"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/naming"
)

const long = `Show what a cluster would change, if the tree that stands here were merged.

The placements of the cluster are built as its controller builds them, and each plain
object is given to its API server for a dry run: what webhooks and defaults make of it is
in the answer. A sealed object is compared by its content digest. Its values are neither
read nor opened nor shown. Objects that would go are listed, and those that would stay
although Git drops them, with the reason.

It is this tree that is compared, and not what a merge makes of it: what came to the main
branch meanwhile, and is not here, is shown as going. A warning says so where HEAD does not
come after the commit that the cluster is at. Merge or rebase first.

When a change arrives is another matter: waves, windows, a guard or a suspended Delivery
may hold it. "bulla plan" says so, for all clusters, without one.

It asks with your rights: to get the objects, and to patch them (nothing is patched).
Placements that are named are looked at alone.

The exit code is that of diff: 0 for no changes, 1 for changes, 2 for trouble.`

const example = `  bulla diff --context prod-eu
  bulla diff payments --context prod-eu

  # by a program
  bulla diff --context prod-eu -o json | jq -r '.changes[] | select(.change == "Pruned") | .object'`

type options struct {
	context, kubeconfig string
	placements          []string
	format              render.Format
}

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	o := options{format: render.Text}
	cmd := &cobra.Command{
		Use: "diff [PLACEMENT...]", Short: "Show what a cluster would change by the tree that stands here",
		Long: long, Example: example, Args: command.Args("names of placements", 0, 1000),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.placements = args
			err := run(cmd.Context(), s, o)
			if err == nil || err == fault.ErrDifferent { //nolint:errorlint // itself, not what wraps it
				return err
			}
			return fault.AsUsage(err) // 2 is trouble, whatever it is
		},
	}
	shell.KubeFlags(cmd, &o.context, &o.kubeconfig)
	render.FlagNoNames(cmd.Flags(), &o.format)
	cmd.ValidArgsFunction = s.CompleteNames(func(n shell.Names) []string { return n.Placements })
	return cmd
}

func run(ctx context.Context, s *shell.Shell, o options) error {
	if err := o.format.CheckNoNames(); err != nil {
		return err
	}
	repo, err := s.Open()
	if err != nil {
		return err
	}
	for _, name := range o.placements {
		if _, ok := repo.Model.Placements[name]; !ok {
			return naming.Unknown(repo.Model, api.KindPlacement, name, "`bulla validate` says if its file is wrong")
		}
	}
	cluster, err := kube.Connect(o.kubeconfig, o.context)
	if err != nil {
		return err
	}
	d := &differ{options: o, shell: s, repo: repo, cluster: cluster, builder: shell.Builder(repo.Root)}
	if err := d.look(ctx); err != nil {
		return err
	}
	d.warnBehind()
	if err := d.compare(ctx); err != nil {
		return err
	}
	return d.tell()
}
