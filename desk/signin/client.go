package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
)

// Client is a server that people sign in to: browsers come back to an address of its own,
// and it may have a secret at the provider. The provider is asked now and then, and not for
// each person. It is safe for concurrent use.
type Client struct {
	provider Provider
	server   Server
	verifier *idtoken.Verifier
}

// Server is what a [Client] has that a command line has not.
type Server struct {
	// Secret of the client at the provider; "" for a public client.
	Secret Secret
	// Back is the address that browsers come back to.
	Back string
	// GroupsClaim names the claim with people's groups; with "" they are not read.
	GroupsClaim string
	// Now is the clock; time.Now by default.
	Now func() time.Time
}

// Secret is a text that nothing prints.
type Secret string

// String is for [fmt.Stringer].
func (Secret) String() string { return "a secret" }

// Format is for [fmt.Formatter]: every verb prints the same.
func (s Secret) Format(to fmt.State, _ rune) { _, _ = to.Write([]byte(s.String())) }

// MarshalText is for [encoding.TextMarshaler], by which JSON and logs write it.
func (Secret) MarshalText() ([]byte, error) { return []byte("a secret"), nil }

// NewClient asks nobody: what starts does not hang on the provider.
func NewClient(p Provider, server Server) (*Client, error) {
	over, err := idtoken.NewHTTP(p.CAFile)
	if err != nil {
		return nil, err
	}
	return &Client{p, server, idtoken.New(idtoken.Rules{
		Issuer: p.Issuer, ClientID: p.ClientID, GroupsClaim: server.GroupsClaim, Skew: skew, Now: server.Now,
		HTTP: over})}, nil
}

// Issuer is who people sign in at.
func (c *Client) Issuer() string { return c.provider.Issuer }

// Begun is what is known of a sign-in until its answer: it stays with the browser that
// began it.
type Begun struct {
	State string `json:"state"`
	Nonce string `json:"nonce"`
	Proof string `json:"proof"`
}

// Begin begins a sign-in, and says at which page of the provider.
func (c *Client) Begin(ctx context.Context) (b Begun, page string, err error) {
	s, err := c.ask(ctx)
	if err != nil {
		return b, "", err
	}
	if at, err := url.Parse(s.endpoints.AuthURL); err != nil || at.Scheme != "https" {
		return b, "", fmt.Errorf("sign in: the page that the provider names is not https")
	}
	b = Begun{State: rand.Text(), Nonce: rand.Text(), Proof: oauth2.GenerateVerifier()}
	return b, s.config.AuthCodeURL(b.State, oauth2.S256ChallengeOption(b.Proof), oidc.Nonce(b.Nonce)), nil
}

// Complete takes the answer to a sign-in that the same browser began.
func (c *Client) Complete(ctx context.Context, b Begun, answer url.Values) (Tokens, error) {
	if b.State == "" || len(answer["state"]) != 1 ||
		subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(b.State)) != 1 {
		return Tokens{}, foreign("it has another state")
	}
	s, err := c.ask(ctx)
	if err != nil {
		return Tokens{}, err
	}
	code, err := readAnswer(answer, c.provider.Issuer, s.endpoints.NamesItself)
	if err != nil {
		return Tokens{}, err
	}
	ctx = s.verifier.Context(ctx)
	given, err := s.config.Exchange(ctx, code, oauth2.VerifierOption(b.Proof))
	if err != nil {
		return Tokens{}, refused("sign in", err)
	}
	return s.read(ctx, given, b.Nonce)
}

// Refresh is [Provider.Refresh].
func (c *Client) Refresh(ctx context.Context, before Before) (Tokens, error) {
	s, err := c.ask(ctx)
	if err != nil {
		return Tokens{}, err
	}
	return s.refresh(ctx, before)
}

// End is the provider's page at which a person signs out there too, and is sent back from
// to an address; "" where it has none.
//
// It has no id_token_hint: an address stands in histories and logs, and the token is good
// at the key service until it ends. The provider asks the person instead.
func (c *Client) End(ctx context.Context, back string) string {
	s, err := c.ask(ctx)
	if err != nil {
		return ""
	}
	at, err := url.Parse(s.endpoints.End)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		return ""
	}
	q := at.Query()
	q.Set("client_id", c.provider.ClientID)
	q.Set("post_logout_redirect_uri", back)
	at.RawQuery = q.Encode()
	return at.String()
}

func (c *Client) ask(ctx context.Context) (*session, error) {
	s, err := c.provider.ask(ctx, c.verifier)
	if err != nil {
		return nil, fault.WithHint(err, "try it again; if it stays so, an operator of the console finds out whether it "+
			"reaches the provider")
	}
	s.config.RedirectURL, s.config.ClientSecret = c.server.Back, string(c.server.Secret)
	if c.server.Secret != "" && s.endpoints.Basic {
		s.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	return s, nil
}
