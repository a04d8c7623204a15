package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/manual"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

func newSignInCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "sign-in --config FILE",
		Short: "Print the line by which people sign in",
		Long: `sign-in prints the command by which people sign in at the OpenID provider that
the configuration names under oidc. There is no secret in it, and it is worth
having from you: it says which provider, which service, and under which authority
that one is verified before a token is sent.`,
		Example: `  bulla-keyservice people sign-in --config keyservice.yaml`,
		Args:    command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printSignIn(cmd, file, cmd.OutOrStdout())
		},
	}
	parts.AddConfigFlag(cmd, &file)
	return cmd
}

func printSignIn(cmd *cobra.Command, file string, stdout io.Writer) error {
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	if !config.OIDC.On() {
		return fault.New("oidc: {issuer: …, clientID: …, groups: […]} in there names it: "+
			manual.At+"operations/people.md", "%s has no OpenID provider", file)
	}
	authority, rows, err := openAuthority(cmd.Context(), config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // nothing was written
	fmt.Fprintf(stdout, "bulla login --oidc --fleet-id %s --issuer %s --client-id %s --url %s --authority %s\n",
		config.Fleet, config.OIDC.Issuer, config.OIDC.ClientID, config.URL, protocol.SPKIHash(authority))
	return nil
}
