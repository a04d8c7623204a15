// Package session has people sign in to a team's console at an OpenID provider, and says
// for how long they are in.
//
// What a person can do is what their own ID token is good for, at the key service. It, what
// another is had for, and their account at the forge are in this process's memory alone, end
// with the session, and are printed by nothing.
package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// KeyService is where people are asked about, in their own names.
type KeyService struct {
	URL string
	// Authority is "sha256:" and the hash of the key of the service's authority.
	Authority string
}

// ErrEnded says that a session is over.
var ErrEnded = errors.New("you were signed out")

const signInAgain = "sign in again"

// Session is one person, signed in. It is safe for concurrent use.
type Session struct {
	issuer, subject string
	name, email     string
	client          *signin.Client
	now             func() time.Time
	// turn is held by who has a token made anew: a provider that gives another refresh token
	// each time takes the use of an old one for a theft.
	turn chan struct{}
	// forge is the place of their account at the forge.
	forge forgelogin.Held

	mu      sync.Mutex
	tokens  signin.Tokens
	over    error
	service *client.Admin
}

var _ guard.Holder = (*Session)(nil)

func newSession(c *signin.Client, t signin.Tokens, now func() time.Time) *Session {
	return &Session{issuer: t.Claims.Issuer, subject: t.Claims.Subject, name: t.Claims.Name(), email: t.Claims.Email,
		client: c, now: now, turn: make(chan struct{}, 1), tokens: t}
}

// Owner is who it is: an address may be given to somebody else, a subject may not.
func (s *Session) Owner() string { return s.issuer + "#" + s.subject }

// Name is how the audit log and pages name them.
func (s *Session) Name() string { return s.name }

// Email is an address that the provider verified; "" where it did not.
func (s *Session) Email() string { return s.email }

// String says who it is, and nothing else of it.
func (s *Session) String() string { return "session of " + s.name }

// Format is for [fmt.Formatter]: every verb prints the same.
func (s *Session) Format(to fmt.State, _ rune) { _, _ = to.Write([]byte(s.String())) }

// MarshalText is for [encoding.TextMarshaler], by which JSON and logs write it.
func (s *Session) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Token is the person's ID token, made anew where it is too old. What the provider refuses
// ends the session: the error is [ErrEnded] then, and ever after. One that is away ends
// nothing.
func (s *Session) Token(ctx context.Context) (string, error) {
	if raw, err := s.current(); raw != "" || err != nil {
		return raw, err
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	raw, err := s.current() // somebody else may have had it made
	if raw != "" || err != nil {
		return raw, err
	}
	s.mu.Lock()
	before := s.tokens
	s.mu.Unlock()
	if before.Refresh == "" {
		return "", s.end(fault.New(signInAgain, "%w: the provider let you in until %s", ErrEnded,
			before.Claims.Expires.UTC().Format(time.RFC3339)))
	}
	// Who asked may close the page meanwhile: what the provider gave would be lost, and the
	// old one, shown again, be a theft to it.
	made, err := s.client.Refresh(context.WithoutCancel(ctx), signin.Before{Refresh: before.Refresh, Subject: s.subject})
	switch {
	case err == nil:
		return s.take(made)
	case s.now().Before(before.Claims.Expires) && (signin.IsAway(err) || errors.Is(err, signin.ErrNoToken)):
		return before.ID, nil
	case signin.IsAway(err):
		return "", fault.New("load the page again in a while: you stay signed in here",
			"ask whether you may still be in: %w", err)
	}
	return "", s.end(fault.New(signInAgain+"; if that does not go, ask who runs the provider", "%w: %w", ErrEnded, err))
}

// current is the token if it may be shown as it is; "" where another is to be had.
func (s *Session) current() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return "", s.over
	}
	if signin.IsFresh(s.tokens.Claims.Issued, s.tokens.Claims.Expires, s.now(), s.tokens.Refresh != "") {
		return s.tokens.ID, nil
	}
	return "", nil
}

func (s *Session) take(made signin.Tokens) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return "", s.over
	}
	if made.Refresh == "" {
		made.Refresh = s.tokens.Refresh
	}
	s.tokens = made
	return made.ID, nil
}

// end ends it, and forgets what it kept.
func (s *Session) end(why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over == nil {
		s.over = why
	}
	s.tokens = signin.Tokens{}
	s.forge.Forget()
	if s.service != nil {
		s.service.Close()
		s.service = nil
	}
	return s.over
}

// Ended is for [guard.Holder].
func (s *Session) Ended() { _ = s.end(fault.New(signInAgain, "%w", ErrEnded)) }

// Service asks the key service for a fleet by the person's own token, with each call: what
// is taken from them counts from the next one on.
func (s *Session) Service(at KeyService, fleet string) (*client.Admin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return nil, s.over
	}
	if s.service == nil || s.service.Fleet() != fleet {
		s.service = client.NewBearerAdmin(at.URL, client.Bearer{Fleet: fleet, Person: s.name, Authority: at.Authority,
			Token: s.Token})
	}
	return s.service, nil
}

// Forge is the place of the person's own account at the forge.
func (s *Session) Forge() *forgelogin.Held { return &s.forge }
