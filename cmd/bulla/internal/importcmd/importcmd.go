// Package importcmd is `bulla import`: Secrets that stand elsewhere become stubs.
//
// A reader brings plain Secrets, in memory, and what could not come. Each is sealed by
// the code of `bulla seal`, sealed once more to a key that is thrown away and opened
// again; only when all are done is anything written, onto a branch of its own.
package importcmd

import (
	"context"
	"math"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/envfile"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/manifests"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
)

// New is the command.
func New(s *shell.Shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import", Short: "Seal what stands elsewhere", Long: long, Example: example, Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newEnv(s), newSecrets(s), newKube(s), newSealedSecrets(s), newSOPS(s), newVault(s))
	cmd.AddCommand(newVaultPlugin(s))
	return cmd
}

// files are the arguments of a source that is files.
var files = command.Args("files, or - for standard input", 1, math.MaxInt)

func newEnv(s *shell.Shell) *cobra.Command {
	var o options
	var name, quotes string
	cmd := &cobra.Command{
		Use: "env FILE...", Short: "Seal .env files as one Secret", Long: envLong, Example: envExample, Args: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				return fault.NewUsage("give --name NAME", "nothing says what the Secret is called")
			}
			if err := shell.OneOf("quotes", quotes, []string{envfile.KeepQuotes, envfile.StripQuotes}); err != nil {
				return err
			}
			return run(cmd.Context(), s, o, source{kind: "env", paths: args, reader: &envfile.Reader{
				Paths: args, Files: &haul.Files{Stdin: s.Stdin}, Name: name, Quotes: quotes,
			}})
		},
	}
	o.names(cmd)
	o.flags(s, cmd, false)
	cmd.Flags().StringVar(&name, "name", "", "`name` of the Secret")
	cmd.Flags().StringVar(&quotes, "quotes", "",
		"what `becomes` of quotes around a value: keep (as Docker and kubectl) or strip (as Compose)")
	return cmd
}

func newSecrets(s *shell.Shell) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "secrets FILE...", Short: "Seal plain Secret manifests", Long: plainLong, Example: plainExample, Args: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd.Context(), s, o, source{kind: "secrets", paths: args, reader: &manifests.Reader{
				Paths: args, Files: &haul.Files{Stdin: s.Stdin},
			}})
		},
	}
	o.names(cmd)
	o.flags(s, cmd, false)
	return cmd
}

// source is what is read, and by whom.
type source struct {
	kind   string
	paths  []string
	reader haul.Reader
}

// run reads, seals, writes and tells.
func run(ctx context.Context, s *shell.Shell, o options, from source) error {
	i, err := o.begin(ctx, s, from)
	if err != nil {
		return err
	}
	brought, err := from.reader.Read(ctx)
	if err != nil {
		return err
	}
	if err := i.sealAll(ctx, brought); err != nil {
		return err
	}
	if len(i.came) > 0 && !o.dryRun {
		if err := i.write(ctx); err != nil {
			return err
		}
		s.Remember(i.repo)
	}
	return i.tell(brought)
}
