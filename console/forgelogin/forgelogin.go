// Package forgelogin is a person's own account at the forge: given by OAuth 2 (RFC 6749,
// with PKCE), or as a personal access token that they paste. What they propose is pushed,
// and its pull request opened, as that account.
//
// A token is in the memory of a session and nowhere else: an [Account] prints as its name,
// whatever prints it. It goes to the forge that was configured and to no other host: not
// where a fleet's remote or a redirect points.
package forgelogin

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/forge"
)

// Config says which forge it is, and who the console is there.
type Config struct {
	// Kind is one of [forge.Kinds], URL that of the forge's pages: "https://git.example.com".
	// "" is that of github.com and gitlab.com.
	Kind, URL string
	// ClientID and ClientSecret are of the console's application at the forge. Without the
	// first there is none, and people paste tokens.
	ClientID, ClientSecret string
	// Callback is the console's own page that the forge leads back to.
	Callback string
	// CAFile has the authorities of the forge's certificate, for git; "" for the system's.
	// Client has them for all else.
	CAFile string
	// Client asks the forge; nil is one with the system's authorities. It is changed so that
	// it follows no redirect.
	Client *http.Client
}

// Forge is where people have accounts. It is safe for concurrent use.
type Forge struct {
	config Config
	kind   kind
	oauth  oauth2.Config
	// client follows nothing: the token would go along.
	client *http.Client
}

// kind is what tells forges apart.
type kind struct {
	// web is where a forge is that nobody named.
	web string
	// authorize and exchange are paths of OAuth, api that of the API, me who asks there.
	authorize, exchange, api, me string
	// scopes that OAuth asks for; needs says to people what a pasted token takes.
	scopes []string
	needs  string
	// page is where people make tokens of their own.
	page string
	// user is what git calls itself beside a token.
	user string
}

var giteaKind = kind{
	authorize: "/login/oauth/authorize", exchange: "/login/oauth/access_token", me: "/api/v1/user",
	scopes: []string{"read:user", "write:repository", "write:issue"}, user: "oauth2",
	page: "/user/settings/applications", needs: "the scopes read:user, write:repository and write:issue",
}

var kinds = map[string]kind{
	"github": {
		web: "https://github.com", authorize: "/login/oauth/authorize", exchange: "/login/oauth/access_token",
		api: "/api/v3", me: "/user", scopes: []string{"repo"}, user: "x-access-token", page: "/settings/tokens",
		needs: "the scope repo or, where it is fine-grained, to write contents and pull requests of the fleet's repository",
	},
	"gitlab": {
		web: "https://gitlab.com", authorize: "/oauth/authorize", exchange: "/oauth/token", api: "/api/v4", me: "/user",
		scopes: []string{"api", "write_repository"}, user: "oauth2",
		page: "/-/user_settings/personal_access_tokens", needs: "the scopes api and write_repository",
	},
	"gitea": giteaKind, "forgejo": giteaKind,
}

// New makes one; nothing is asked yet.
func New(c Config) (*Forge, error) {
	k, ok := kinds[c.Kind]
	if !ok {
		return nil, fault.NewUsage("--forge takes "+strings.Join(forge.Kinds, ", "), "no forge is called %q", c.Kind)
	}
	c.URL = strings.TrimRight(cmp.Or(c.URL, k.web), "/")
	at, err := url.Parse(c.URL)
	switch {
	case err != nil || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "":
		return nil, fault.NewUsage("--forge-url is that of its pages, as https://git.example.com",
			"%q is no address of %s", c.URL, c.Kind)
	case at.Scheme != "https" && (at.Scheme != "http" || !loopback(at.Hostname())):
		return nil, fault.NewUsage("use https: whoever is on the way would have people's tokens",
			"the address %s of %s is not encrypted", c.URL, c.Kind)
	case c.ClientSecret != "" && c.ClientID == "":
		return nil, fault.NewUsage("--forge-client-id is shown beside the secret, where the application is registered",
			"there is a client's secret for %s, and no client", c.URL)
	case c.ClientID != "" && c.Callback == "":
		return nil, fault.NewUsage("it is the console's own address, with /account/forge/callback",
			"nothing says where %s leads back to", c.URL)
	}
	f := &Forge{config: c, kind: k, client: c.asking()}
	f.oauth = oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, RedirectURL: c.Callback,
		Scopes: slices.Clone(k.scopes), Endpoint: oauth2.Endpoint{AuthURL: c.URL + k.authorize,
			TokenURL: c.URL + k.exchange, AuthStyle: oauth2.AuthStyleInParams}}
	return f, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Kind is one of [forge.Kinds].
func (f *Forge) Kind() string { return f.config.Kind }

// URL is that of the forge's pages.
func (f *Forge) URL() string { return f.config.URL }

// Needs says what a personal access token must be allowed.
func (f *Forge) Needs() string { return f.kind.needs }

// TokenPage is where a person makes a personal access token.
func (f *Forge) TokenPage() string {
	return f.config.URL + f.kind.page
}

// HasOAuth says whether there is an application: without one, people paste tokens.
func (f *Forge) HasOAuth() bool { return f.config.ClientID != "" }

// AuthCodeURL is where a person says yes. state ties the answer to their session, verifier
// (as [oauth2.GenerateVerifier] makes it) to the console that asked; a forge without PKCE
// leaves the second aside.
func (f *Forge) AuthCodeURL(state, verifier string) string {
	return f.oauth.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// Exchange is the account of a code that the forge gave, once.
func (f *Forge) Exchange(ctx context.Context, code, verifier string) (*Account, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := f.oauth.Exchange(context.WithValue(ctx, oauth2.HTTPClient, f.client), code,
		oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, fault.New("begin again; where it stays, whoever runs the console compares client, secret and "+
			"redirect address with what "+f.config.URL+" has of its application",
			"connect your account at %s: %w", f.config.URL, refused(err))
	}
	return f.whose(ctx, token)
}

// Check is the account of a token that a person pasted.
func (f *Forge) Check(ctx context.Context, token string) (*Account, error) {
	token = strings.TrimSpace(token)
	if token == "" || len(token) > mostToken || strings.ContainsFunc(token, notOfToken) {
		return nil, fault.New("copy it whole from "+f.TokenPage(), "what was pasted is no token of %s", f.config.URL)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f.whose(ctx, &oauth2.Token{AccessToken: token})
}

// mostToken is far beyond what forges give, in bytes: a token comes to stand in a header.
const mostToken = 4096

func notOfToken(r rune) bool { return r <= ' ' || r > '~' }
