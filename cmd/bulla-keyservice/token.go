package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/fault"
	"github.com/bulla-dev/bulla/cmd/internal/period"
	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/enrolment"
	"github.com/bulla-dev/bulla/keyservice/journal"
	"github.com/bulla-dev/bulla/keyservice/protocol"
	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	shortestTTL = time.Minute
	longestTTL  = 7 * 24 * time.Hour
)

func newTokenCommand() *cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Make join tokens", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file, cluster string
	var ttl time.Duration
	create := &cobra.Command{
		Use:   "create --config FILE --cluster NAME",
		Short: "Make a join token for one cluster",
		Long: `create prints a join token. It lets one cluster of that name enrol, once, while it
lasts; the service keeps only its hash. It grants nothing by itself: that takes
the cluster's file in the fleet repository.`,
		Example: `  bulla-keyservice token create --config keyservice.yaml --cluster prod-eu --ttl 1h |
    kubectl -n bulla-system create secret generic bulla-join --from-file=token=/dev/stdin`,
		Args: command.Needs("config", "cluster"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return createToken(cmd.Context(), file, cluster, ttl, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	parts.AddConfigFlag(create, &file)
	create.Flags().StringVar(&cluster, "cluster", "", "name of the cluster, as in clusters/NAME.yaml")
	period.Var(create.Flags(), &ttl, "ttl", time.Hour, "how long it can be used")
	token.AddCommand(create)
	return token
}

func createToken(ctx context.Context, file, cluster string, ttl time.Duration, stdout, stderr io.Writer) error {
	if len(validation.IsDNS1123Label(cluster)) > 0 {
		return fault.NewUsage("lower-case letters, digits and '-', at most 63", "cluster %q is not a name", cluster)
	}
	if err := between("ttl", ttl, shortestTTL, longestTTL); err != nil {
		return err
	}
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	authority, rows, err := openAuthority(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	secret, row := enrolment.NewJoinToken(config.Fleet, cluster, ttl, time.Now())
	made := audit.Entry{
		Kind: audit.Token, Outcome: "Done", Cluster: cluster,
		Detail: "until " + row.Expires.UTC().Format(time.RFC3339),
	}
	if err := rows.Do(ctx, rows.AddJoinToken(row), journal.Later(rows, config.Fleet, made, row.Created)); err != nil {
		return fmt.Errorf("record join token: %w", err)
	}
	token := protocol.JoinToken{
		Fleet: config.Fleet, Cluster: cluster, Secret: secret,
		CAHash: protocol.SPKIHash(authority), RootKey: config.RootKey, URL: config.URL, RenewalURL: config.Renewal.URL,
	}
	fmt.Fprintln(stdout, token.String())
	fmt.Fprintf(stderr, "for cluster %s, once, until %s; it is not shown again\n", cluster,
		row.Expires.Format(time.RFC3339))
	return nil
}

// openAuthority reads the authority's certificate, which the token pins. It
// exists once the service was served.
func openAuthority(ctx context.Context, config *config.Config) (*x509.Certificate, *store.DB, error) {
	const hint = "start `bulla-keyservice serve` once: it makes the certificate authority that the token pins"
	rows, err := parts.OpenRows(ctx, config)
	if err != nil {
		return nil, nil, err
	}
	if rows == nil {
		return nil, nil, fault.New(hint, "open store: %q does not exist", config.Store)
	}
	generations, err := rows.Authorities(ctx, config.Fleet)
	if err == nil {
		var certificate *x509.Certificate
		if certificate, err = authority.Of(generations, time.Now()); err == nil {
			return certificate, rows, nil
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		err = fault.WithHint(err, hint)
	}
	return nil, nil, errors.Join(err, rows.Close())
}
