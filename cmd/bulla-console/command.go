package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/version"
	"github.com/bulla-dev/bulla/desk/forge"
)

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "bulla-console",
		Short: "Serve the console to a team",
		Long: `bulla-console serves pages to a team that signs in at an OpenID provider: what
the fleet repository says, what the key service says to each person, and changes
by pull requests. It holds no key of the fleet and opens nothing; values are
sealed in browsers.

For one person, on their own machine, there is "bulla ui".`,
		Example:       example,
		Version:       version.Text(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          command.Needs(),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(command.Flag)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newServeCommand(), newVersionCommand())
	command.Helpers(root)
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version", Args: command.None,
		Example: "  bulla-console version",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version.Text())
			return err
		}}
}

const example = `  # behind a proxy that ends TLS, on the same machine
  bulla-console serve --url https://console.example.com --listen 127.0.0.1:8080 \
    --repository https://git.example.com/fleet.git --root-key @root-key --data /var/lib/bulla-console \
    --key-service https://keyservice.example.com:8443 --key-service-authority sha256:… \
    --oidc-issuer https://login.example.com --oidc-client-id bulla-console --oidc-client-secret-file oidc-secret`

func newServeCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "serve --url URL --repository URL --root-key KEY --data DIR --oidc-issuer URL --oidc-client-id ID",
		Short: "Serve the pages",
		Long: `serve clones the fleet repository into --data, keeps the clone up to date, and
serves its pages. Logs go to standard error, one JSON object a line: no name of a
secret, no query and no token is in them.

A fleet.yaml that does not verify under --root-key is not shown, nor one that is
older than one that was.

Each person asks the key service by their own ID token: what they may see is
decided there, anew with each question. Without --key-service the pages show what
Git says. Without an account at the forge nobody proposes anything: the
credentials that read the repository push nothing.

It stops on SIGTERM or Ctrl-C, after the requests under way; sessions end with it.`,
		Example: example,
		Args:    command.Needs("url", "repository", "root-key", "data", "oidc-issuer", "oidc-client-id"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), o, cmd.ErrOrStderr())
		},
	}
	o.bind(cmd)
	return cmd
}

// options are the flags.
type options struct {
	listen, url, metrics string
	tlsCert, tlsKey      string

	repository, branch, credentials string
	rootKey, data                   string
	keyService, authority           string

	oidc  provider
	forge asked

	idle, life time.Duration
	memory     string
}

// provider is where people sign in.
type provider struct {
	issuer, clientID, secretFile, caFile, scopes string
	groups, groupsClaim                          string
}

// asked is the forge at which people have accounts.
type asked struct {
	kind, url, clientID, secretFile, caFile string
}

func (o *options) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8443", "`address` to serve the pages at")
	f.StringVar(&o.url, "url", "",
		"`URL` by which people reach the console: https://HOST, or http://localhost:PORT to try it out")
	f.StringVar(&o.tlsCert, "tls-cert", "", "PEM `file` with the certificate and its chain; read again when it changes")
	f.StringVar(&o.tlsKey, "tls-key", "",
		"PEM `file` with its key. Without both it serves plain HTTP, to a proxy that ends TLS")
	f.StringVar(&o.metrics, "metrics-listen", "", "`address` of /metrics, /healthz and /readyz; none without it")
	f.StringVar(&o.repository, "repository", "", "`URL` of the fleet's remote: https://, ssh:// or git@HOST:PATH")
	f.StringVar(&o.branch, "branch", "", "the `branch` that counts; without it, the remote's default")
	f.StringVar(&o.credentials, "git-credentials", "", "`folder` with username and password, bearerToken, identity and "+
		"known_hosts, ca.crt: what reads the repository. It is read again with each fetch")
	f.StringVar(&o.rootKey, "root-key", "", "the root verifier `key` of the fleet, or @FILE: not from its repository")
	f.StringVar(&o.data, "data", "", "`folder` of its own: the clone, and what it saw last of the fleet and its audit log")
	f.StringVar(&o.keyService, "key-service", "", "`URL` of the key service; without it, pages show what Git says")
	f.StringVar(&o.authority, "key-service-authority", "", "sha256:`hash` of its authority's key, as "+
		"`bulla-keyservice people sign-in` prints it")
	f.StringVar(&o.oidc.issuer, "oidc-issuer", "", "`URL` of the OpenID provider, as it spells it itself")
	f.StringVar(&o.oidc.clientID, "oidc-client-id", "", "`id` of the console's client at the provider")
	f.StringVar(&o.oidc.secretFile, "oidc-client-secret-file", "",
		"`file` with the client's secret; none for a public client")
	f.StringVar(&o.oidc.caFile, "oidc-ca", "",
		"PEM `file` with the authorities of its certificate, in place of the system's")
	f.StringVar(&o.oidc.scopes, "oidc-scopes", "openid,email,profile,groups",
		"`scopes` to ask for, with commas; offline_access has many providers give a refresh token")
	f.StringVar(&o.oidc.groups, "oidc-groups", "", "`groups` at the provider, with commas: who is in none of them is not "+
		"let in. Without it whom the provider lets in is; what they may see is the key service's to say")
	f.StringVar(&o.oidc.groupsClaim, "oidc-groups-claim", "groups", "`claim` of the ID token that has a person's groups")
	f.StringVar(&o.forge.kind, "forge", "", "which `forge` the repository is at: "+strings.Join(forge.Kinds, ", "))
	f.StringVar(&o.forge.url, "forge-url", "", "`URL` of its pages, if not at the repository's host")
	f.StringVar(&o.forge.clientID, "forge-client-id", "",
		"`id` of the console's application there. Without it, people give a personal access token of their own")
	f.StringVar(&o.forge.secretFile, "forge-client-secret-file", "", "`file` with the application's secret")
	f.StringVar(&o.forge.caFile, "forge-ca", "",
		"PEM `file` with the authorities of its certificate, in place of the system's")
	f.StringVar(&o.memory, "memory", "2Gi", "`size` of the memory that it has, as the limit of its pod; people's drafts "+
		"take an eighth of it at most")
	f.DurationVar(&o.idle, "session-idle", 30*time.Minute, "a session ends when nobody used it for so long")
	f.DurationVar(&o.life, "session-life", 8*time.Hour, "a session ends after so long")
}
