package sealcmd

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/sealjob"
	"github.com/bulla-dev/bulla/sealing"
)

// NewTarget is `bulla target`.
func NewTarget(s *shell.Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "target", Short: "Say whom the values of a stub are for", Long: targetLong, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTargetAdd(s), newTargetRemove(s))
	return cmd
}

func newTargetAdd(s *shell.Shell) *cobra.Command {
	o := options{verb: verbTarget}
	cmd := &cobra.Command{
		Use: "add STUB TARGET", Short: "Seal the values of a stub for one more target, given again",
		Long: targetAddLong, Example: targetAddExample, Args: command.Args("a stub file and a target", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			target, err := parseTarget(args[1])
			if err != nil {
				return err
			}
			o.more, o.whom.twoLock = []sealing.Target{target}, target.Kind == sealing.Cluster
			o.what.again = func(where sealjob.Where) ([]string, error) { return where.Lacking(target) }
			return run(cmd.Context(), s, o, args[0])
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.what.files, "from-file", nil,
		"`KEY=PATH` of a value, given again, KEY=- for standard input; may be repeated")
	f.StringArrayVar(&o.what.envFiles, "from-env-file", nil,
		"`path` of a file of lines KEY=VALUE, - for standard input; may be repeated")
	f.StringVarP(&o.what.manifest, "file", "f", "", "`path` of a v1 Secret manifest with the values, - for standard input")
	f.StringVar(&o.whom.placement, "for", "", "`placement` that builds the stub")
	o.verbFlags(cmd)
	s.CompleteFlags(cmd)
	return cmd
}

// parseTarget reads set/NAME or cluster/NAME.
func parseTarget(text string) (sealing.Target, error) {
	target, err := sealing.ParseTarget(text)
	if err != nil {
		return target, fault.NewUsage("write set/NAME, or cluster/NAME for a lock to one cluster's own key",
			"the target is none: %w", err)
	}
	return target, nil
}

// completeOwnTargets completes a stub's file, and after it the targets that it is for.
func completeOwnTargets(s *shell.Shell) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return s.CompleteStubs()
		case 1:
			return targetsOf(s, args[0]), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
