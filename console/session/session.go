// Package session has people sign in to a team's console at an OpenID provider, and says
// for how long they are in.
//
// What a person can do is what their own ID token is good for, at the key service. It, what
// another is had for, and their account at the forge are in this process's memory alone, end
// with the session, and are printed by nothing.
package session

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/forgelogin"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/idtoken"
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

// ErrNotAdmitted says that somebody signed in who may not be in.
var ErrNotAdmitted = errors.New("you may not use this console")

// Session is one person, signed in. It is safe for concurrent use.
type Session struct {
	who      idtoken.Claims
	provider *provider
	// forge is the place of their account at the forge.
	forge forgelogin.Held

	mu      sync.Mutex
	tokens  signin.Tokens
	attempt *renewal
	until   time.Time // no attempt before
	limited int       // how often the provider sent them away since it gave a token
	over    error
	service *client.Admin
}

var _ guard.Holder = (*Session)(nil)

func newSession(p *provider, t signin.Tokens) *Session {
	return &Session{who: t.Claims, provider: p, tokens: t}
}

// Owner is who it is: an address may be given to somebody else, a subject may not.
func (s *Session) Owner() string { return s.who.Issuer + "#" + s.who.Subject }

// Name is how the audit log and pages name them.
func (s *Session) Name() string { return s.who.Name() }

// Email is an address that the provider verified; "" where it did not.
func (s *Session) Email() string { return s.who.Email }

// String says who it is, and nothing else of it.
func (s *Session) String() string { return "session of " + s.who.Name() }

// Format is for [fmt.Formatter]: every verb prints the same.
func (s *Session) Format(to fmt.State, _ rune) { _, _ = to.Write([]byte(s.String())) }

// MarshalText is for [encoding.TextMarshaler], by which JSON and logs write it.
func (s *Session) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

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
		s.service = client.NewBearerAdmin(at.URL, client.Bearer{Fleet: fleet, Person: s.who.Name(), Authority: at.Authority,
			Token: s.Token})
	}
	return s.service, nil
}

// Forge is the place of the person's own account at the forge.
func (s *Session) Forge() *forgelogin.Held { return &s.forge }
