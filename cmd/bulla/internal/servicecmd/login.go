package servicecmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/files"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/shell"
	"github.com/bulla-dev/bulla/cmd/internal/command"
	"github.com/bulla-dev/bulla/cmd/internal/render"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

const loginLong = `Get access to the key service as a person.

Sealing needs no login. Reading the audit log or the state of secrets in clusters,
moving locks to a new key, and references ("bulla reference") need one: the key
service asks for a client certificate, or for a token of your OpenID provider, and
its configuration says what you may do, by role (operator, auditor or developer).

Without --certificate, this makes a private key on your machine, prints the
certificate request for it to standard output, and your identity to standard
error. Give both to an operator of the key service, by a way that convinces them
that they are yours. Running it again prints them again, for the same key.

With --certificate, it takes the file that "bulla-keyservice people issue" made,
which must come from that operator: the service is verified under the authority
in it.

With --oidc, you sign in at your OpenID provider in a browser, or with --device by a
code for a browser on any machine. An operator gives you the whole line, which
"bulla-keyservice people sign-in" prints: issuer and client, the service's URL, and
the hash of its authority, under which alone a token is sent. Later, --oidc by itself
signs in again. The groups that the provider has you in say what you may do.

The login is kept in bulla/login.yaml in $XDG_CONFIG_HOME (or the system's folder
for configuration), readable by you alone. The fleet's id is read from the fleet
repository that you are in, or from --fleet-id.`

const loginExample = `  # 1. you
  bulla login > alice.csr

  # 2. an operator, who adds you to the service's configuration first
  bulla-keyservice people issue --config keyservice.yaml --name alice --csr alice.csr > alice.pem

  # 3. you
  bulla login --certificate alice.pem --url https://keyservice.example.com:8443
  bulla status

  # or sign in, by the line that an operator gave you; later: bulla login --oidc
  bulla login --oidc --issuer https://login.example.com --client-id bulla \
    --url https://keyservice.example.com:8443 --authority sha256:…`

// maxCertificate bounds the file that --certificate names, in bytes.
const maxCertificate = 64 << 10

type loginFlags struct {
	fleet, certificate, url string
	newKey                  bool
	oidc                    oidcFlags
}

func newLogin(a run) *cobra.Command {
	var f loginFlags
	cmd := &cobra.Command{
		Use: "login", Short: "Get access to the key service as a person", Long: loginLong, Example: loginExample,
		Args: command.None,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.login(cmd.Context(), f) },
	}
	cmd.Flags().StringVar(&f.fleet, "fleet-id", "", "the fleet's `id`, when you are not in its repository")
	cmd.Flags().StringVar(&f.certificate, "certificate", "", "`file` with the certificate that an operator issued")
	cmd.Flags().StringVar(&f.url, "url", "", "the key service's `URL`, https://HOST:PORT")
	cmd.Flags().BoolVar(&f.newKey, "new-key", false, "make a new key, and forget the old one and its certificate")
	f.oidc.add(cmd)
	cmd.MarkFlagsMutuallyExclusive("certificate", "new-key", "oidc")
	cmd.AddCommand(newLoginList(a), newLoginRemove(a))
	return cmd
}

func (a run) login(ctx context.Context, f loginFlags) error {
	fleet, err := a.FleetID(f.fleet)
	if err != nil {
		return err
	}
	if fleet == "" {
		return fault.New("run this inside the fleet repository, or give --fleet-id",
			"find the fleet to log in to: no fleet repository here")
	}
	store, err := login.Open()
	if err != nil {
		return err
	}
	l, err := store.Find(fleet)
	if err != nil && !errors.Is(err, login.ErrNone) {
		return err
	}
	if f.oidc.on {
		return a.signIn(ctx, store, l, fleet, f)
	}
	if f.oidc.given() {
		return fault.NewUsage("add it: bulla login --oidc …", "flags of --oidc without --oidc")
	}
	if l != nil && l.OIDC != nil && f.certificate == "" && !f.newKey {
		return fault.NewUsage("sign in again: bulla login --oidc; for a key and a certificate instead: bulla login --new-key",
			"you are signed in to this fleet at %s", l.OIDC.Issuer)
	}
	if f.certificate != "" {
		return a.completeLogin(store, l, f)
	}
	if f.url != "" {
		return fault.NewUsage("give both when an operator sent you the certificate", "--url without --certificate")
	}
	if l == nil || f.newKey {
		if l, err = login.New(fleet); err != nil {
			return err
		}
		if err := store.Put(*l); err != nil {
			return err
		}
		fmt.Fprintf(a.Stderr, "made a key for fleet %s in %s\n", fleet, store.Path())
	}
	request, identity, err := l.Request()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Stderr, "identity: %s\ngive it, and the request on standard output, to an operator of the key service\n",
		identity)
	a.Printf("%s", request)
	return nil
}

func (a run) completeLogin(store *login.Store, l *login.Login, f loginFlags) error {
	if l == nil || l.OIDC != nil {
		return fault.New("the certificate is for a key that `bulla login` makes: start there",
			"there is no key for this fleet yet")
	}
	if f.url == "" {
		if f.url = l.URL; f.url == "" {
			return fault.NewUsage("the operator's `bulla-keyservice people issue` printed it", "--certificate without --url")
		}
	}
	if err := protocol.CheckURL(f.url); err != nil {
		return fault.NewUsage("it has the form https://HOST:PORT", "log in: %w", err)
	}
	data, err := readSmall(f.certificate, maxCertificate)
	if err != nil {
		return err
	}
	who, err := l.Complete(data, f.url)
	if err != nil {
		return fault.New("the file is what `bulla-keyservice people issue` printed for your newest request",
			"log in: %w", err)
	}
	admin, err := l.Admin()
	if err != nil {
		return err
	}
	admin.Close()
	if err := store.Put(*l); err != nil {
		return err
	}
	a.Printf("logged in to fleet %s as %s until %s\n", who.Fleet, who.Name, who.Expires.Local().Format(time.RFC3339))
	return nil
}

func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(files.Hint(err, "name the file that `bulla-keyservice people issue` made"),
			"read certificate: %w", err)
	}
	if info.Size() > limit {
		return nil, fault.NewUsage("name the file that `bulla-keyservice people issue` made",
			"%s is larger than %d bytes", path, limit)
	}
	return os.ReadFile(path)
}

// loginRow is one login of `bulla login list`.
type loginRow struct {
	Fleet    string `json:"fleet"`
	Person   string `json:"person"`
	URL      string `json:"url"`
	Expires  string `json:"expires"`
	Identity string `json:"identity"`
}

func newLoginList(a run) *cobra.Command {
	format := render.Text
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "List your logins", Args: command.None,
		RunE: func(*cobra.Command, []string) error {
			if err := format.Check(); err != nil {
				return err
			}
			rows, err := loginRows()
			if err != nil {
				return err
			}
			table := render.Table{Header: []string{"FLEET", "PERSON", "URL", "EXPIRES", "IDENTITY"}}
			for _, r := range rows {
				table.Rows = append(table.Rows, []string{r.Fleet, r.Person, r.URL, r.Expires, r.Identity})
			}
			a.Nothing(len(rows), "there is no login yet; `bulla login` begins one")
			return format.Print(a.Stdout, rows, table)
		},
	}
	shell.OutputFlag(cmd, &format)
	return cmd
}

func loginRows() ([]loginRow, error) {
	store, err := login.Open()
	if err != nil {
		return nil, err
	}
	logins, err := store.List()
	if err != nil {
		return nil, err
	}
	rows := []loginRow{}
	for i := range logins {
		l := &logins[i]
		row := loginRow{Fleet: l.Fleet, URL: l.URL}
		if l.OIDC != nil {
			row.Person, row.Identity = l.OIDC.Person, l.OIDC.Issuer+"#"+l.OIDC.Subject
			row.Expires = l.OIDC.Expires.Format(time.RFC3339)
			rows = append(rows, row)
			continue
		}
		if _, row.Identity, err = l.Request(); err != nil {
			return nil, err
		}
		if l.Certificate != "" {
			who, err := l.Person()
			if err != nil {
				return nil, err
			}
			row.Person, row.Expires = who.Name, who.Expires.UTC().Format(time.RFC3339)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func newLoginRemove(a run) *cobra.Command {
	return &cobra.Command{
		Use: "remove FLEET-ID", Short: "Forget a login with its key", Args: command.Args("a fleet id", 1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			store, err := login.Open()
			if err != nil {
				return err
			}
			found, err := store.Remove(args[0])
			if err != nil {
				return err
			}
			if !found {
				return fault.New("`bulla login list` shows the logins", "no login for fleet %q", args[0])
			}
			a.Printf("forgot the login to fleet %s\n", args[0])
			return nil
		},
	}
}
