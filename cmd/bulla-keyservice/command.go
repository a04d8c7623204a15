package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/hsmcmd"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/period"
)

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulla-keyservice",
		Short: "Unseal for each cluster what the reviewed tree places there",
		Long: `bulla-keyservice is the central service of a fleet. Its private keys are made in
a PKCS#11 token and never leave it. It reads the fleet repository itself: a stub
opens for a cluster only while the accepted head places it there.`,
		Example: `  # once: make the keys in the token, and the fleet's root of trust
  bulla-keyservice init --name acme --module /usr/lib/softhsm/libsofthsm2.so \
    --token-label acme --pin-file pin --root-token-label acme-root --root-pin-file root-pin \
    --recovery-recipient age1pq1… --out fleet

  # then
  bulla-keyservice serve --config keyservice.yaml
  bulla-keyservice token create --config keyservice.yaml --cluster prod-eu`,
		Version:       version.Text(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(command.Flag)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newInitCommand(), newServeCommand(), newKeysCommand(), newRootKeyCommand(), newTokenCommand(),
		newPeopleCommand(), newHistoryCommand(), newCACommand(), hsmcmd.New(), newWorkerCommand())
	command.Helpers(root)
	return root
}

// newWorkerCommand stands for the child process in process lists. A child never
// gets here: main's hook takes it before.
func newWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "hsm-worker",
		Short:  "The token's own process, started by the service",
		Hidden: true,
		Args:   command.Needs(),
		RunE: func(*cobra.Command, []string) error {
			return fault.NewUsage("bulla-keyservice serve starts it", "the token worker is started by the service, not by hand")
		},
	}
}

// between refuses a span of time on the command line that is too short or too
// long.
func between(flag string, given, least, most time.Duration) error {
	if given < least || given > most {
		return fault.NewUsage(fmt.Sprintf("hours, minutes and seconds, such as --%s %s or --%s 1h30m", flag,
			period.Text(most), flag),
			"--%s %s is not between %s and %s", flag, period.Text(given), period.Text(least), period.Text(most))
	}
	return nil
}
