// Package openid says which person is behind a request, by a token of an OpenID provider.
package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
)

// Authenticator reads the ID token that a request bears. A token is looked at for every
// request: when it ends, so does the session, on a connection that stays open too.
type Authenticator struct {
	fleet    string
	verifier *idtoken.Verifier
}

var _ authority.Authenticator = (*Authenticator)(nil)

// New makes it for a fleet. The provider is asked at the first token: a service starts
// without it, and people with certificates are let in.
func New(fleet string, c config.OIDC, now func() time.Time) (*Authenticator, error) {
	over, err := idtoken.NewHTTP(c.CAFile)
	if err != nil {
		return nil, err
	}
	return &Authenticator{fleet: fleet, verifier: idtoken.New(idtoken.Rules{
		Issuer: c.Issuer, ClientID: c.ClientID, Others: c.Consoles, GroupsClaim: c.GroupsClaim, Now: now, HTTP: over,
		Skew: time.Duration(c.ClockSkew), MaxAge: time.Duration(c.MaxTokenAge), Bounded: true,
	})}, nil
}

// Authenticate is for [authority.Authenticator]. A provider that is away is
// [authority.ErrProvider]: nothing was decided.
func (a *Authenticator) Authenticate(r *http.Request) (authority.Person, error) {
	raw, err := bearer(r)
	if err != nil {
		return authority.Person{}, err
	}
	return a.read(r.Context(), raw)
}

func (a *Authenticator) read(ctx context.Context, raw string) (authority.Person, error) {
	claims, err := a.verifier.Verify(ctx, raw)
	if errors.Is(err, idtoken.ErrOften) {
		return authority.Person{}, fmt.Errorf("%w: %w: %w", authority.ErrProvider, authority.ErrUnknownKey, err)
	}
	if errors.Is(err, idtoken.ErrUnreachable) {
		return authority.Person{}, fmt.Errorf("%w: %w", authority.ErrProvider, err)
	}
	if err != nil {
		return authority.Person{}, fmt.Errorf("%w: %w", authority.ErrToken, err)
	}
	return authority.Person{
		Fleet: a.fleet, Name: claims.Name(), Identity: claims.Issuer + "#" + claims.Subject,
		Claims: &authority.Claims{Subject: claims.Subject, Groups: claims.Groups},
	}, nil
}

// bearer is the token of a request (RFC 6750, 2.1), the only place where it is looked for:
// what stands in a URL gets into logs.
func bearer(r *http.Request) (string, error) {
	lines := r.Header.Values("Authorization")
	if len(lines) == 0 {
		return "", authority.ErrNotMine
	}
	scheme, token, found := strings.Cut(lines[0], " ")
	if len(lines) > 1 || !found || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fmt.Errorf("%w: the request's Authorization is not one Bearer token", authority.ErrToken)
	}
	return token, nil
}
