package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/sealing/hsm"
)

const (
	shortestOverlap = time.Hour
	longestOverlap  = 366 * 24 * time.Hour
)

func newCACommand() *cobra.Command {
	ca := &cobra.Command{Use: "ca", Short: "Look at the certificate authority, and succeed it", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	ca.AddCommand(newCAListCommand(), newCARotateCommand())
	return ca
}

func newCAListCommand() *cobra.Command {
	var file string
	format := render.Text
	list := &cobra.Command{
		Use:     "list --config FILE",
		Aliases: []string{"ls"},
		Short:   "List the generations of the certificate authority",
		Example: `  bulla-keyservice ca list --config keyservice.yaml`,
		Args:    command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			return listCA(cmd.Context(), file, format, cmd.OutOrStdout())
		},
	}
	parts.AddConfigFlag(list, &file)
	render.Flag(list.Flags(), &format)
	return list
}

// caRow is a generation as it is listed.
type caRow struct {
	Generation    int64      `json:"generation"`
	Key           string     `json:"key"`
	Identity      string     `json:"identity"`
	IssuesFrom    time.Time  `json:"issuesFrom"`
	AcceptedUntil *time.Time `json:"acceptedUntil,omitempty"`
}

func listCA(ctx context.Context, file string, format render.Format, stdout io.Writer) error {
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	_, rows, err := openAuthority(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // only read
	generations, err := rows.Authorities(ctx, config.Fleet)
	if err != nil {
		return err
	}
	rowsOf := []caRow{}
	table := render.Table{Header: []string{"GENERATION", "KEY", "IDENTITY", "ISSUES FROM", "ACCEPTED UNTIL"}}
	for _, g := range generations {
		certificate, err := authority.Parse(g)
		if err != nil {
			return err
		}
		row, until := caRow{
			Generation: int64(g.Generation), Key: g.Role, Identity: protocol.SPKIHash(certificate), IssuesFrom: g.Starts,
		}, ""
		if !g.Ends.IsZero() {
			row.AcceptedUntil, until = &g.Ends, g.Ends.Format(time.RFC3339)
		}
		rowsOf = append(rowsOf, row)
		table.Rows = append(table.Rows, []string{
			fmt.Sprint(row.Generation), row.Key, row.Identity, row.IssuesFrom.Format(time.RFC3339), until,
		})
	}
	return format.Print(stdout, rowsOf, table)
}

func newCARotateCommand() *cobra.Command {
	var file string
	var sameKey bool
	var overlap time.Duration
	rotate := &cobra.Command{
		Use:   "rotate --config FILE",
		Short: "Make the next certificate authority, while the one before is still accepted",
		Long: `rotate makes a new key in the token for the certificate authority, or with
--same-key a new certificate for the key it has. The service takes it up by
itself and issues under it a minute later. Until the overlap ends, what the
authority before issued is accepted too, and clusters connect whichever of the
two they know.

A cluster learns the new authority when it renews, and takes it because the old
key signed for it; so the overlap must be longer than a certificate lives, with
the grace of the renewal listener. A cluster that was away for longer enrols
again. People get a new certificate with "people issue" before the overlap ends.

Join tokens that were made before keep working. This is for a planned change: an
authority whose key was stolen can sign for a successor too.`,
		Example: `  bulla-keyservice ca rotate --config keyservice.yaml
  bulla-keyservice ca list --config keyservice.yaml`,
		Args: command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return rotateCA(cmd.Context(), file, sameKey, overlap, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	parts.AddConfigFlag(rotate, &file)
	rotate.Flags().BoolVar(&sameKey, "same-key", false, "make a new certificate for the key there is")
	period.Var(rotate.Flags(), &overlap, "overlap", 14*24*time.Hour,
		"how long what the authority before issued is accepted")
	return rotate
}

func rotateCA(ctx context.Context, file string, sameKey bool, overlap time.Duration, stdout, stderr io.Writer) error {
	if err := between("overlap", overlap, shortestOverlap, longestOverlap); err != nil {
		return err
	}
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	if least := time.Duration(config.CertificateTTL) + time.Duration(config.Renewal.Grace); overlap < least {
		return fault.NewUsage("clusters learn the new authority when they renew",
			"--overlap %s is shorter than a certificate lives and is renewed, %s", period.Text(overlap), period.Text(least))
	}
	_, rows, err := openAuthority(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	generations, err := rows.Authorities(ctx, config.Fleet)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if err := authority.MayRotate(generations, time.Now()); err != nil {
		return fault.WithHint(err, "see `bulla-keyservice ca list`; wait until the overlap ends")
	}
	role := generations[len(generations)-1].Role
	if !sameKey {
		role = hsm.NextRole(role)
		if err := makeCAKey(config, role, log, stderr); err != nil {
			return err
		}
	}
	token, err := startToken(ctx, config, log)
	if err != nil {
		return err
	}
	defer token.Close()
	options := authority.Options{Fleet: config.Fleet, Store: rows, Token: token, Log: log}
	next, err := authority.Succeed(ctx, options, role, overlap)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n", protocol.SPKIHash(next))
	fmt.Fprintf(stderr, "certificate authority %s issues in a minute; the one before is accepted for %s after that\n",
		role, period.Text(overlap))
	return nil
}

// makeCAKey makes the key, or takes the one that an attempt left behind that ended
// between the token and the store: nothing was ever issued under it.
func makeCAKey(config *config.Config, role string, log *slog.Logger, stderr io.Writer) error {
	token, err := parts.TokenConfig(config, log)
	if err != nil {
		return err
	}
	_, err = hsm.MakeSigner(token, config.Fleet, role)
	if errors.Is(err, hsm.ErrLabelTaken) {
		fmt.Fprintf(stderr, "the token already has the key %s, of an attempt that did not finish; it is used\n", role)
		return nil
	}
	return err
}
