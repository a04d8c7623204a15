package servicecmd

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/desk/login"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/keyservice/protocol"
)

const lineOfOperator = "an operator gives you the whole line: bulla-keyservice people sign-in --config FILE"

// oidcFlags are how somebody signs in.
type oidcFlags struct {
	on, device, noBrowser                 bool
	issuer, clientID, issuerCA, authority string
	scopes                                []string
	port                                  int
}

func (f *oidcFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "oidc", false, "sign in at an OpenID provider")
	flags.BoolVar(&f.device, "device", false, "with --oidc: by a code for a browser on any machine")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "with --oidc: print the page, and open no browser")
	flags.StringVar(&f.issuer, "issuer", "", "with --oidc: the provider's `URL`")
	flags.StringVar(&f.clientID, "client-id", "", "with --oidc: the `id` of the fleet's client there")
	flags.StringSliceVar(&f.scopes, "scopes", nil, "with --oidc: the `scopes` to ask for (openid,email,offline_access)")
	flags.StringVar(&f.issuerCA, "issuer-ca", "", "with --oidc: PEM `file` with the authority of its certificate")
	flags.StringVar(&f.authority, "authority", "", "with --oidc: the `hash` of the key service's authority, sha256:…")
	flags.IntVar(&f.port, "port", 0, "with --oidc: the `port` on loopback to come back to; 0 for any")
	cmd.MarkFlagsMutuallyExclusive("device", "no-browser")
	cmd.MarkFlagsMutuallyExclusive("device", "port")
}

func (f *oidcFlags) given() bool {
	return f.device || f.noBrowser || f.issuer != "" || f.clientID != "" || f.issuerCA != "" || f.authority != "" ||
		f.scopes != nil || f.port != 0
}

// session is what the flags say, and where they say nothing what was said before.
func (f *oidcFlags) session(before *login.Session) (*login.Session, error) {
	s := login.Session{}
	if before != nil {
		s.Provider, s.Authority = before.Provider, before.Authority
	}
	s.Issuer, s.ClientID = cmp.Or(f.issuer, s.Issuer), cmp.Or(f.clientID, s.ClientID)
	s.Authority = cmp.Or(f.authority, s.Authority)
	if f.scopes != nil {
		s.Scopes = f.scopes
	}
	if s.Scopes == nil {
		s.Scopes = []string{"openid", "email", "offline_access"}
	}
	if f.issuerCA != "" {
		path, err := filepath.Abs(f.issuerCA)
		if err != nil {
			return nil, err
		}
		s.CAFile = path
	}
	switch {
	case s.Issuer == "" || s.ClientID == "" || s.Authority == "":
		return nil, fault.NewUsage(lineOfOperator,
			"--oidc takes --issuer, --client-id, --authority and --url, the first time")
	case !hexid.IsDigest(s.Authority):
		return nil, fault.NewUsage(lineOfOperator, "--authority is not sha256: and 64 hexadecimal digits")
	}
	return &s, nil
}

// signIn has somebody sign in, and keeps what the provider gave.
func (a run) signIn(ctx context.Context, store *login.Store, before *login.Login, fleet string, f loginFlags) error {
	next := login.Login{Fleet: fleet, URL: f.url}
	var session *login.Session
	if before != nil && before.OIDC != nil {
		session, next.URL = before.OIDC, cmp.Or(f.url, before.URL)
	}
	var err error
	if next.OIDC, err = f.oidc.session(session); err != nil {
		return err
	}
	if err := protocol.CheckURL(next.URL); err != nil {
		return fault.NewUsage(lineOfOperator, "log in: --url: %w", err)
	}
	tokens, err := a.tokens(ctx, next.OIDC.Provider, f.oidc)
	if err != nil {
		return err
	}
	next.OIDC.Take(tokens)
	if err := store.Put(next); err != nil {
		return err
	}
	until := next.OIDC.Expires.Local().Format(time.RFC3339)
	if next.OIDC.RefreshToken != "" {
		until += ", and renewed while the provider does"
	}
	a.Printf("logged in to fleet %s as %s until %s\n", fleet, next.OIDC.Person, until)
	if before != nil && before.OIDC == nil {
		fmt.Fprintln(a.Stderr, "the key and the certificate of before are forgotten")
	}
	return nil
}

func (a run) tokens(ctx context.Context, p signin.Provider, f oidcFlags) (signin.Tokens, error) {
	if f.device {
		return p.Device(ctx, a.Stderr)
	}
	o := signin.Browser{Port: f.port, Say: a.Stderr, Open: signin.OpenBrowser}
	if f.noBrowser {
		o.Open = nil
	}
	return p.Browser(ctx, o)
}
