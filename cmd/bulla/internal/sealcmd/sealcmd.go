// Package sealcmd is `bulla seal`: its flags become one job, and what the job made
// becomes files.
package sealcmd

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/delivercmd"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/yamltext"
)

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "seal [STUB]", Short: "Seal values into a stub file", Long: long, Example: example,
		Args: command.Args("one stub file", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.how.Apart = cmd.Flags().Changed("together") && !o.how.Together
			return run(cmd.Context(), s, o, strings.Join(args, ""))
		},
	}
	o.what.flags(cmd.Flags())
	o.whom.flags(cmd.Flags())
	o.object.flags(cmd.Flags())
	o.flags(cmd.Flags())
	o.wires.Bind(cmd.Flags())
	delivercmd.Complete(s, cmd)
	s.CompleteFlags(cmd)
	return cmd
}

func (o *options) flags(f *pflag.FlagSet) {
	f.BoolVar(&o.how.Together, "together", false,
		"seal the values into one block: they change together (NAME.crt and NAME.key are, unless --together=false)")
	f.StringVar(&o.how.Key, "sealing-key", "", "`id` of the sealing key that must be used (default: the Active one)")
	f.BoolVar(&o.how.AsIs, "as-is", false, "seal values that look like placeholders of other tools")
	f.BoolVar(&o.replace, "replace", false,
		"STUB is a Secret manifest in the clear: put the stub in its place, and list it in the kustomization")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the file instead of writing it")
}

// run seals what the flags ask for.
func run(ctx context.Context, s *shell.Shell, o options, stub string) error {
	if err := o.wires.Check(); err != nil {
		return err
	}
	job, err := o.job(ctx, s, stub)
	if err != nil {
		return err
	}
	defer job.store.Close()
	if len(o.what.pending) > 0 {
		if err := job.Ready(); err != nil {
			return o.verb.oneOnly(err)
		}
		if err := o.what.readPending(s.Stdin, job.What.Values); err != nil {
			return err
		}
	}
	out, err := job.Run(ctx)
	if err == nil {
		out.Data, err = o.what.recipes(job.Job, out.Data)
	}
	if err == nil && o.wires.Given() {
		out.Data, err = o.wires.Apply(job.Where.File, out.Data)
		if err == nil {
			err = job.Fleet.CheckWires(ctx, job.Where, out.Data)
		}
	}
	if errors.Is(err, yamltext.ErrShape) {
		return fault.New("write spec.blocks as a plain list, or seal all values into a new file", "%w", err)
	}
	if err != nil {
		return err
	}
	s.Remember(job.Fleet.Repo)
	return o.write(ctx, s, job, out)
}
