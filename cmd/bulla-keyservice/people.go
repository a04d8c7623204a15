package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/cmd/bulla-keyservice/internal/parts"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/desk/period"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

const (
	shortestPersonTTL = time.Hour
	longestPersonTTL  = 90 * 24 * time.Hour
	// maxRequest bounds a certificate request file, in bytes.
	maxRequest = 16 << 10
)

func newPeopleCommand() *cobra.Command {
	people := &cobra.Command{Use: "people", Short: "Let people use the service", Args: command.Needs(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	var file, name, request string
	var ttl time.Duration
	issue := &cobra.Command{
		Use:   "issue --config FILE --name NAME --csr FILE",
		Short: "Issue the client certificate of a person",
		Long: `issue signs the certificate request that "bulla login" printed, with the
authority's key in the token, and prints the certificate. The person must be in
the configuration with the key of the request:

  people:
  - {name: alice, identity: "sha256:…", roles: [operator]}

Compare the identity with alice herself, not with the message that brought it.
The service reads its people at its start and on SIGHUP, so send it one after the
entry, each replica: kill -HUP "$(pidof bulla-keyservice)"
The certificate grants nothing beyond that entry: remove it, send SIGHUP again,
and the next request is refused, whatever the certificate says.`,
		Example: `  bulla-keyservice people issue --config keyservice.yaml --name alice --csr alice.csr > alice.pem

  # what alice does with it
  bulla login --certificate alice.pem --url https://keyservice.example.com:8443`,
		Args: command.Needs("config", "name", "csr"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return issuePerson(cmd.Context(), file, name, request, ttl, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	parts.AddConfigFlag(issue, &file)
	issue.Flags().StringVar(&name, "name", "", "the person, as in the configuration")
	issue.Flags().StringVar(&request, "csr", "", "the certificate request; - for standard input")
	period.Var(issue.Flags(), &ttl, "ttl", 30*24*time.Hour, "life of the certificate")
	people.AddCommand(issue, newSignInCommand())
	return people
}

func issuePerson(
	ctx context.Context, file, name, request string, ttl time.Duration, stdin io.Reader, stdout, stderr io.Writer,
) error {
	if err := between("ttl", ttl, shortestPersonTTL, longestPersonTTL); err != nil {
		return err
	}
	config, err := parts.LoadConfig(file)
	if err != nil {
		return err
	}
	csr, identity, err := readRequest(request, stdin)
	if err != nil {
		return err
	}
	rows, err := parts.OpenStore(ctx, config)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // every write was committed
	token, err := startToken(ctx, config,
		slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	if err != nil {
		return err
	}
	defer token.Close()
	options := authority.Options{Fleet: config.Fleet, TTL: ttl, Store: rows, Token: token}
	certificate, ca, err := authority.IssuePerson(ctx, options, config.People, name, csr)
	if errors.Is(err, authority.ErrNotConfigured) {
		return fault.WithHint(err,
			fmt.Sprintf(
				"when you compared the identity with the person, add to %s under people: {name: %s, identity: %q, "+
					"roles: [developer]}", file, name, identity))
	}
	if err != nil {
		return err
	}
	if _, err := stdout.Write(protocol.WritePerson(certificate, ca)); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	fmt.Fprintf(stderr, `for %s, key %s, until %s
next, here, unless the service was started after the entry under people: kill -HUP "$(pidof bulla-keyservice)" (each replica reads its people again)
next, by %s: bulla login --certificate FILE --url %s
`,
		name, identity, certificate.NotAfter.Format(time.RFC3339), name, config.URL)
	return nil
}

func readRequest(path string, stdin io.Reader) (csr []byte, identity string, err error) {
	const hint = "it is what `bulla login` prints to standard output"
	from := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, "", fault.New(files.Hint(err, "--csr: "+hint), "read certificate request: %w", err)
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxRequest))
	if err != nil {
		return nil, "", fault.New(files.Hint(err, "--csr: "+hint), "read certificate request: %w", err)
	}
	if csr, err = protocol.ReadRequest(data); err != nil {
		return nil, "", fault.WithHint(err, hint)
	}
	if identity, err = authority.ReadIdentity(csr); err != nil {
		return nil, "", fault.WithHint(err, hint)
	}
	return csr, identity, nil
}
