package sealcmd

import (
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/values"
)

func list(names []string) string { return strings.Join(names, ", ") }

// NewSet is `bulla set`: one value, which is asked for, piped, read or made.
func NewSet(s *shell.Shell) *cobra.Command {
	o := options{verb: verbSet}
	var from one
	cmd := &cobra.Command{
		Use: "set STUB KEY", Short: "Seal one value, new or changed, into a stub file",
		Long: setLong, Example: setExample, Args: command.Args("a stub file and a key", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			value, err := from.of(s, cmd.Flags(), args[1])
			if err != nil {
				return err
			}
			o.what.pending = []*single{value}
			return run(cmd.Context(), s, o, args[0])
		},
	}
	from.flags(cmd.Flags())
	o.whom.flags(cmd.Flags())
	o.object.flags(cmd.Flags())
	o.verbFlags(cmd)
	s.CompleteFlags(cmd)
	return cmd
}

// NewUnset is `bulla unset`.
func NewUnset(s *shell.Shell) *cobra.Command {
	o := options{verb: verbUnset}
	cmd := &cobra.Command{
		Use: "unset STUB KEY...", Short: "Take values out of a stub file",
		Long: unsetLong, Example: unsetExample, Args: command.Args("a stub file and keys", 2, math.MaxInt),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, key := range args[1:] {
				if err := values.CheckKey(key); err != nil {
					return err
				}
			}
			o.what.removals = args[1:]
			return run(cmd.Context(), s, o, args[0])
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "print the file instead of writing it")
	return cmd
}

// NewRename is `bulla rename`.
func NewRename(s *shell.Shell) *cobra.Command {
	o := options{verb: verbRename}
	var from one
	cmd := &cobra.Command{
		Use: "rename STUB OLD NEW", Short: "Give a key another name, with its value again",
		Long: renameLong, Example: renameExample, Args: command.Args("a stub file and two keys", 3, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := values.CheckKey(args[1]); err != nil {
				return err
			}
			o.what.renames = []string{args[1] + "=" + args[2]}
			value, err := from.of(s, cmd.Flags(), args[2])
			if err != nil {
				return err
			}
			o.what.pending = []*single{value}
			return run(cmd.Context(), s, o, args[0])
		},
	}
	from.flags(cmd.Flags())
	o.whom.flags(cmd.Flags())
	o.verbFlags(cmd)
	s.CompleteFlags(cmd)
	return cmd
}

// verbFlags are those that the verbs of one value share with seal.
func (o *options) verbFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.what.allowEmpty, "allow-empty", false, "seal an empty value too")
	f.StringVar(&o.how.Key, "sealing-key", "", "`id` of the sealing key that must be used (default: the Active one)")
	f.BoolVar(&o.how.AsIs, "as-is", false, "seal a value that looks like a placeholder of another tool")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the file instead of writing it")
}
