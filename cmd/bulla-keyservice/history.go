package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/keyservice"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/store"
)

func newHistoryCommand() *cobra.Command {
	history := &cobra.Command{Use: "history", Short: "Accept a rewritten history", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file, head string
	accept := &cobra.Command{
		Use:   "accept --config FILE --head HASH",
		Short: "Let one head follow the accepted one, once, whatever the history says",
		Long: `accept lets the service take the head HASH although it does not descend from the
head in force, or although commits between them are not verified. Readiness names
both heads. Look at what HASH places first: it may grant again what was revoked.

It counts for that one step, once, and is recorded in the audit log: a branch that
is set back to HASH later is refused again. HASH itself must be signed as the head
in force and the service's own floor demand; sign an empty commit on top if it is
not. The service takes it at its next look. Each controller is told by itself,
with the annotation bulla.dev/accept-rewrite=OLD..NEW on its FleetSync, unless that
says acceptRewrites: KeyService.`,
		Example: `  bulla-keyservice history accept --config keyservice.yaml --head 5f2b1c0e9d8a7f6e5d4c3b2a190807060504a3b2`,
		Args:    command.Needs("config", "head"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return acceptHistory(cmd.Context(), file, head, cmd.OutOrStdout())
		},
	}
	parts.AddConfigFlag(accept, &file)
	accept.Flags().StringVar(&head, "head", "", "full hash of the head to accept")
	history.AddCommand(accept)
	return history
}

func acceptHistory(ctx context.Context, file, head string, stdout io.Writer) error {
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	rows, err := parts.OpenServed(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	last, err := rows.LastHead(ctx, config.Fleet, config.Repository.Ref)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	now := time.Now()
	rewrite, entry, err := keyservice.NewRewrite(last, head, "", now)
	switch {
	case errors.Is(err, keyservice.ErrNoHash):
		return fault.AsUsage(fault.WithHint(err, "git rev-parse origin/main prints it"))
	case errors.Is(err, keyservice.ErrNothingAccepted):
		return fault.WithHint(err, "the first head needs nobody's word: see /readyz for why it is not accepted")
	case err != nil:
		return err
	}
	err = rows.Do(ctx, rows.AddRewrite(rewrite), journal.Later(rows, config.Fleet, entry, now))
	if errors.Is(err, store.ErrHeadMoved) {
		return fault.WithHint(err, "the service accepted another head meanwhile: look at /readyz again")
	}
	if err != nil {
		return fmt.Errorf("record accepted history: %w", err)
	}
	fmt.Fprintf(stdout, "%s may follow %s, once; the service takes it at its next look, and /readyz says so\n", rewrite.To,
		rewrite.From)
	return nil
}
