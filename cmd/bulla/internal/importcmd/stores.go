package importcmd

import (
	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/haul"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/sops"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/importcmd/vault"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
)

func newSOPS(s *shell.Shell) *cobra.Command {
	var o options
	var name string
	cmd := &cobra.Command{
		Use: "sops FILE...", Short: "Seal what SOPS encrypted", Long: sopsLong, Example: sopsExample, Args: files,
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd.Context(), s, o, source{kind: "sops", paths: args, reader: &sops.Reader{
				Paths: args, Files: &haul.Files{Stdin: s.Stdin}, Name: name,
			}})
		},
	}
	o.names(cmd)
	o.flags(s, cmd, false)
	cmd.Flags().StringVar(&name, "name", "", "`name` of the Secret that a .env file becomes")
	return cmd
}

func newVault(s *shell.Shell) *cobra.Command {
	var o options
	var name string
	cmd := &cobra.Command{
		Use: "vault FILE", Short: "Seal what `vault kv get -format=json` printed", Long: vaultLong, Example: vaultExample,
		Args: command.Args("one file, or - for standard input", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if name == "" {
				return fault.NewUsage("give --name NAME", "nothing says what the Secret is called")
			}
			return run(cmd.Context(), s, o, source{kind: "vault", paths: args, reader: &vault.Reader{
				Path: args[0], Files: &haul.Files{Stdin: s.Stdin}, Name: name,
			}})
		},
	}
	o.names(cmd)
	o.flags(s, cmd, false)
	cmd.Flags().StringVar(&name, "name", "", "`name` of the Secret")
	return cmd
}
