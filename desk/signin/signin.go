// Package signin has a person sign in at an OpenID provider, by a browser on this machine
// or by a code for a browser elsewhere, and keeps what it gave up to date.
//
// The command line is a public client (RFC 8252): it has no secret of its own, and proves
// by PKCE (RFC 7636) that who began a sign-in ends it.
package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
)

// skew is how far the provider's clock may be from this machine's.
const skew = time.Minute

// Provider is where a person signs in, as an operator of the key service told them. It is
// never taken from who answers: that could be anybody's.
type Provider struct {
	Issuer   string   `json:"issuer"`
	ClientID string   `json:"clientID"`
	Scopes   []string `json:"scopes,omitempty"`
	// CAFile has the authorities of the provider's certificate, in the place of the
	// system's.
	CAFile string `json:"caFile,omitempty"`
}

// Tokens are what a provider gave.
type Tokens struct {
	// ID is the ID token, Refresh what another is had for; empty where the provider gives
	// none.
	ID, Refresh string
	// Claims are the ID token's, verified.
	Claims idtoken.Claims
}

// String says whose they are, and nothing else of them.
func (t Tokens) String() string { return "tokens of " + t.Claims.Name() }

// Format is for [fmt.Formatter]: every verb prints the same.
func (t Tokens) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(t.String())) }

// MarshalText is for [encoding.TextMarshaler], by which JSON and logs write them.
func (t Tokens) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Before is what a token is made anew for.
type Before struct{ Refresh, Subject string }

// refreshAfter is how old a token may be that is shown. The service takes none that is
// older than its configuration says, 10 minutes at least; and what the provider says of a
// person's groups is so old at most.
const refreshAfter = 8 * time.Minute

// IsFresh says whether a token may be shown as it is. Where another is to be had for a
// refresh token, it is had well before the end.
func IsFresh(issued, expires, now time.Time, refreshes bool) bool {
	if !refreshes {
		return now.Before(expires)
	}
	return now.Before(expires.Add(-30*time.Second)) && now.Sub(issued) < refreshAfter
}

// Errors of a sign-in.
var (
	// ErrForeign: the answer is not of the provider, or not to this sign-in.
	ErrForeign = errors.New("the answer is not to this sign-in")
	// ErrNoToken: the provider gave no ID token.
	ErrNoToken = errors.New("the provider gave no ID token")
	// ErrAway: the provider did not say anything; another time it may.
	ErrAway = errors.New("the provider cannot be asked now")
)

// session is one sign-in.
type session struct {
	verifier  *idtoken.Verifier
	endpoints idtoken.Endpoints
	config    oauth2.Config
}

// begin asks the provider where people sign in.
func (p Provider) begin(ctx context.Context) (*session, error) {
	over, err := idtoken.NewHTTP(p.CAFile)
	if err != nil {
		return nil, fault.WithHint(err, "--issuer-ca names a PEM file with the authority of the provider's certificate")
	}
	return p.ask(ctx, idtoken.New(idtoken.Rules{Issuer: p.Issuer, ClientID: p.ClientID, Skew: skew, HTTP: over}))
}

// ask asks through a verifier, which remembers the answer for a while.
func (p Provider) ask(ctx context.Context, verifier *idtoken.Verifier) (*session, error) {
	s := &session{verifier: verifier}
	var err error
	if s.endpoints, err = verifier.Endpoints(ctx); err != nil {
		return nil, fault.New("is --issuer spelled as the provider spells it, and does this machine reach it? A certificate "+
			"of a private authority takes --issuer-ca", "ask %s how people sign in: %w", p.Issuer, err)
	}
	s.config = oauth2.Config{ClientID: p.ClientID, Scopes: p.Scopes, Endpoint: s.endpoints.Endpoint}
	// A public client has no secret to send in a header; found out by trying, the first try
	// would spend the code.
	s.config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	return s, nil
}

// read takes an answer of the token endpoint. nonce is what the ID token must carry; empty
// where there was none to send.
func (s *session) read(ctx context.Context, answer *oauth2.Token, nonce string) (Tokens, error) {
	// What another is had for may be a new one though there is no token, or nobody gives the keys
	// that tell whether it counts; and the one before may be spent.
	next := Tokens{Refresh: answer.RefreshToken}
	raw, ok := answer.Extra("id_token").(string)
	if !ok {
		return next, fault.New("is openid among --scopes?", "sign in: %w", ErrNoToken)
	}
	claims, err := s.verifier.Verify(ctx, raw)
	switch {
	case IsAway(err):
		return next, fmt.Errorf("sign in: %w", err)
	case err != nil:
		return Tokens{}, fmt.Errorf("sign in: %w", err)
	}
	if nonce != "" && subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(nonce)) != 1 {
		return Tokens{}, foreign("its token is of another sign-in")
	}
	return Tokens{ID: raw, Refresh: answer.RefreshToken, Claims: claims}, nil
}

// Refresh has another ID token made, for the person of the one before. With [ErrNoToken], and
// where [IsAway] says so, there may be another refresh token alone: keep it, the one before may
// be spent.
func (p Provider) Refresh(ctx context.Context, before Before) (Tokens, error) {
	s, err := p.begin(ctx)
	if err != nil {
		return Tokens{}, err
	}
	return s.refresh(ctx, before)
}

func (s *session) refresh(ctx context.Context, before Before) (Tokens, error) {
	ctx = s.verifier.Context(ctx)
	answer, err := s.config.TokenSource(ctx, &oauth2.Token{RefreshToken: before.Refresh}).Token()
	if err != nil {
		return Tokens{}, refused("sign in again", err)
	}
	after, err := s.read(ctx, answer, "")
	if err != nil {
		return after, err
	}
	if after.Claims.Subject != before.Subject {
		return Tokens{}, foreign("its token is for another person")
	}
	return after, nil
}

func foreign(what string) error {
	return fault.NewTrust("somebody may have meddled with it: begin again, and tell an operator if it stays so",
		"sign in: %w: %s", ErrForeign, what)
}

// refused tells what a provider answered, of which the rest may be anything.
func refused(doing string, err error) error {
	var answer *oauth2.RetrieveError
	var unreached *url.Error
	switch {
	case errors.As(err, &answer) && isAway(answer.Response.StatusCode):
		return fmt.Errorf("%s: %w", doing, away(answer.Response))
	case errors.As(err, &answer) && answer.ErrorCode != "":
		return fmt.Errorf("%s: the provider refuses it: %.60q %.200q", doing, answer.ErrorCode, answer.ErrorDescription)
	case errors.As(err, &answer):
		return fmt.Errorf("%s: the provider answers %s", doing, answer.Response.Status)
	case errors.As(err, &unreached):
		return fmt.Errorf("%s: reach the provider: %w: %w", doing, ErrAway, unreached.Err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: the provider's answer cannot be read", doing)
}

func isAway(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests
}

// IsAway reports whether an error says nothing of the person: who could not be asked may
// be asked again.
func IsAway(err error) bool {
	return errors.Is(err, ErrAway) || errors.Is(err, idtoken.ErrUnreachable) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded)
}
