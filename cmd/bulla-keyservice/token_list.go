package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/plural"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/store"
)

func newTokenList() *cobra.Command {
	var file string
	list := &cobra.Command{
		Use: "list --config FILE", Aliases: []string{"ls"}, Short: "List the join tokens that did not expire",
		Long: `list shows the join tokens that did not expire, by the id that the audit log has.
Their secrets are nowhere: the service keeps hashes.`,
		Args: command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withTokens(cmd.Context(), file, func(_ *config.Config, _ *store.DB, tokens []store.JoinToken) error {
				return listTokens(tokens, cmd.OutOrStdout())
			})
		},
	}
	parts.AddConfigFlag(list, &file)
	return list
}

func newTokenRevoke() *cobra.Command {
	var file, id string
	revoke := &cobra.Command{
		Use: "revoke --config FILE --id ID", Short: "End a join token before its time",
		Long: `revoke ends a join token at once, for good. What enrolled with it stays enrolled: its
certificate opens nothing without a file in the fleet repository, and there a
merge takes it out. The audit log has what enrolled:
"bulla audit log --kind Enrol" names the token of each.`,
		Args: command.Needs("config", "id"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return withTokens(ctx, file, func(c *config.Config, rows *store.DB, tokens []store.JoinToken) error {
				return revokeToken(ctx, c.Fleet, rows, tokens, id, cmd.OutOrStdout())
			})
		},
	}
	parts.AddConfigFlag(revoke, &file)
	revoke.Flags().StringVar(&id, "id", "", "id of the token, as `token list` has it")
	return revoke
}

// withTokens opens the store and reads the tokens that did not expire.
func withTokens(ctx context.Context, file string,
	do func(*config.Config, *store.DB, []store.JoinToken) error,
) error {
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	rows, err := parts.OpenServed(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	tokens, err := rows.JoinTokens(ctx, config.Fleet, time.Now())
	if err != nil {
		return err
	}
	return do(config, rows, tokens)
}

func listTokens(tokens []store.JoinToken, stdout io.Writer) error {
	table := render.Table{Header: []string{"ID", "FOR", "USED", "STATE", "EXPIRES"}}
	for _, t := range tokens {
		state := "Usable"
		switch {
		case !t.Revoked.IsZero():
			state = "Revoked"
		case t.Used >= t.Uses:
			state = "UsedUp"
		}
		table.Rows = append(table.Rows, []string{
			t.ID(), t.Cluster, fmt.Sprintf("%d/%d", t.Used, t.Uses), state, t.Expires.Format(time.RFC3339),
		})
	}
	return render.Text.Print(stdout, nil, table)
}

func revokeToken(ctx context.Context, fleet string, rows *store.DB, tokens []store.JoinToken, id string,
	stdout io.Writer,
) error {
	for _, t := range tokens {
		if t.ID() != strings.ToLower(id) {
			continue
		}
		now := time.Now()
		said := audit.Entry{Kind: audit.Token, Outcome: audit.Done, Cluster: t.Cluster,
			Detail: fmt.Sprintf("join token %s revoked after %d of %s", t.ID(), t.Used, plural.Of(t.Uses, "use"))}
		err := rows.Do(ctx, rows.RevokeJoinToken(t.Hash, now), journal.Later(rows, fleet, said, now))
		if errors.Is(err, store.ErrNotFound) {
			fmt.Fprintf(stdout, "join token %s was revoked before\n", t.ID())
			return nil
		}
		if err != nil {
			return fmt.Errorf("revoke join token: %w", err)
		}
		fmt.Fprintf(stdout, "revoked join token %s for %s, after %d of %s\n", t.ID(), t.Cluster, t.Used,
			plural.Of(t.Uses, "use"))
		return nil
	}
	return fault.New("`bulla-keyservice token list` shows those that did not expire", "no join token has the id %q", id)
}
