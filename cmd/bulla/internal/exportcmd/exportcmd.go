// Package exportcmd is `bulla export`: what stubs hold, for other tools, by an offline
// recovery key.
//
// Everything is opened, and encrypted again where that is asked for, in memory. Only
// then is anything written, where only its owner reads it.
package exportcmd

import (
	"context"
	"math"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/recovery"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
)

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Open stubs, for other tools, with a recovery key", Long: long, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSecrets(s), newSOPS(s))
	return cmd
}

type options struct {
	identities []string
	placement  string
	out        string
	all        bool
	asWritten  bool
	// form makes a file of a document, and names its end.
	form form
}

// form is what an exported Secret is written as.
type form interface {
	// Check refuses a folder before a value is opened.
	Check(folder string) error
	// Write makes the text of a file of Secret manifests in YAML.
	Write(ctx context.Context, path string, plain []byte) ([]byte, error)
}

func (o *options) command(s *shell.Shell, cmd *cobra.Command) *cobra.Command {
	cmd.Args = command.Args("stub files or folders", 0, math.MaxInt)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case o.out == "":
			return fault.NewUsage("give --out DIR; --out - prints the values on standard output", "nothing says where to")
		case o.all == (len(args) > 0):
			return fault.NewUsage("name stubs or folders, or give --all", "nothing says clearly what to export")
		}
		return o.run(cmd.Context(), s, args)
	}
	recovery.Flag(cmd, &o.identities)
	f := cmd.Flags()
	f.StringVar(&o.placement, "for", "", "`placement` that builds the stubs (default: all are looked through)")
	f.StringVar(&o.out, "out", "", "`folder` to write to, - for standard output")
	f.BoolVar(&o.all, "all", false, "export every stub of the repository")
	f.BoolVar(&o.asWritten, "as-written", false, "keep name and namespace as the stub's file has them")
	s.CompleteFlags(cmd)
	return cmd
}

func newSecrets(s *shell.Shell) *cobra.Command {
	var to plain
	o := options{form: &to}
	cmd := o.command(s, &cobra.Command{
		Use: "secrets --identity FILE --out DIR [STUB...]", Short: "Write plain Secret manifests",
		Long: plainLong, Example: plainExample,
	})
	cmd.Flags().BoolVar(&to.force, "force", false, "write values in the clear into a Git working tree")
	return cmd
}

func newSOPS(s *shell.Shell) *cobra.Command {
	var to sops
	o := options{form: &to}
	cmd := o.command(s, &cobra.Command{
		Use: "sops --identity FILE --out DIR [STUB...]", Short: "Write Secret manifests that SOPS encrypts",
		Long: sopsLong, Example: sopsExample,
	})
	cmd.Flags().StringSliceVar(&to.recipients, "age", nil,
		"age `recipient` to encrypt to (default: by .sops.yaml); may be repeated")
	return cmd
}
