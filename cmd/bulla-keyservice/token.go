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

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/period"
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
	// mostUses bounds what one stolen token lets in.
	mostUses = 10_000
)

func newTokenCommand() *cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Make, list and revoke join tokens", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	token.AddCommand(newTokenCreate(), newTokenList(), newTokenRevoke())
	return token
}

// tokenOptions are what a token is made for.
type tokenOptions struct {
	file, cluster, pattern string
	uses                   int
	ttl                    time.Duration
}

func newTokenCreate() *cobra.Command {
	var o tokenOptions
	create := &cobra.Command{
		Use:   "create --config FILE {--cluster NAME | --pattern PATTERN --uses N}",
		Short: "Make a join token for one cluster, or for names of a pattern",
		Long: `create prints a join token. It lets one cluster of that name enrol, once, while it
lasts; the service keeps only its hash. It grants nothing by itself: that takes
the cluster's file in the fleet repository.

With --pattern, as many clusters as --uses says enrol with it, each under a name
that the pattern admits: "*" stands for one character or more. A name is given
once: a second machine with that name is refused, whatever token it has, but the
one that has the name may come again with its keys. Each use is an entry of the
audit log, with the keys for its file: "bulla cluster add NAME" writes that.`,
		Example: `  bulla-keyservice token create --config keyservice.yaml --cluster prod-eu --ttl 1h |
    kubectl -n bulla-system create secret generic bulla-join --from-file=token=/dev/stdin
  bulla-keyservice token create --config keyservice.yaml --pattern 'shop-*' --uses 3000 --ttl 72h`,
		Args: command.Needs("config"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return createToken(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	parts.AddConfigFlag(create, &o.file)
	f := create.Flags()
	f.StringVar(&o.cluster, "cluster", "", "name of the cluster, as in clusters/NAME.yaml")
	f.StringVar(&o.pattern, "pattern", "", "names of clusters, with one *, such as shop-*")
	f.IntVar(&o.uses, "uses", 0, "how many clusters may enrol with a pattern's token, at most 10000")
	period.Var(f, &o.ttl, "ttl", time.Hour, "how long it can be used")
	return create
}

// check says what the token is for.
func (o tokenOptions) check() (names protocol.Pattern, uses int, err error) {
	switch {
	case o.cluster == "" && o.pattern == "":
		return "", 0, fault.NewUsage("--cluster NAME for one cluster, --pattern 'shop-*' --uses N for many",
			"nothing says which cluster the token is for")
	case o.cluster != "" && (o.pattern != "" || o.uses != 0):
		return "", 0, fault.NewUsage("a token for one cluster is used once; leave --pattern and --uses out",
			"--cluster stands beside --pattern or --uses")
	case o.cluster != "":
		if len(validation.IsDNS1123Label(o.cluster)) > 0 {
			return "", 0, fault.NewUsage(
				"lower-case letters, digits and '-', at most 63; --pattern takes names with a *",
				"cluster %q is not a name", o.cluster)
		}
		return protocol.Pattern(o.cluster), 1, between("ttl", o.ttl, shortestTTL, longestTTL)
	}
	names = protocol.Pattern(o.pattern)
	if err := names.Check(); err != nil {
		return "", 0, fault.NewUsage(
			"such as --pattern 'shop-*'; quote it, or the shell takes it for files",
			"pattern %q: %w", o.pattern, err)
	}
	if names.IsOne() {
		return "", 0, fault.NewUsage("--cluster "+o.pattern+" makes a token for one cluster",
			"pattern %q has no *", o.pattern)
	}
	if o.uses < 1 || o.uses > mostUses {
		return "", 0, fault.NewUsage(
			fmt.Sprintf("as many clusters as there are to be, from 1 to %d, such as --uses 3000", mostUses),
			"--uses %d does not bound the token", o.uses)
	}
	return names, o.uses, between("ttl", o.ttl, shortestTTL, longestTTL)
}

func createToken(ctx context.Context, o tokenOptions, stdout, stderr io.Writer) error {
	names, uses, err := o.check()
	if err != nil {
		return err
	}
	config, err := parts.LoadConfig(o.file)
	if err != nil {
		return err
	}
	authority, rows, err := openAuthority(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	secret, row := enrolment.NewJoinToken(config.Fleet, string(names), o.ttl, time.Now())
	row.Uses = uses
	made := audit.Entry{
		Kind: audit.Token, Outcome: audit.Done, Cluster: row.Cluster,
		Detail: fmt.Sprintf("join token %s, %s, until %s", row.ID(), times(uses),
			row.Expires.UTC().Format(time.RFC3339)),
	}
	if err := rows.Do(ctx, rows.AddJoinToken(row), journal.Later(rows, config.Fleet, made, row.Created)); err != nil {
		return fmt.Errorf("record join token: %w", err)
	}
	token := protocol.JoinToken{
		Fleet: config.Fleet, Cluster: row.Cluster, Secret: secret,
		CAHash: protocol.SPKIHash(authority), RootKey: config.RootKey, URL: config.URL, RenewalURL: config.Renewal.URL,
	}
	fmt.Fprintln(stdout, token.String())
	fmt.Fprintf(stderr, "for cluster %s, %s, until %s; it is not shown again; its id is %s\n", row.Cluster, times(uses),
		row.Expires.Format(time.RFC3339), row.ID())
	return nil
}

func times(uses int) string {
	if uses == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", uses)
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
