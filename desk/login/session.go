package login

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/desk/signin"
	"github.com/bulla-dev/bulla/keyservice/client"
)

// Session is the access of somebody who signed in at an OpenID provider.
type Session struct {
	signin.Provider `json:",inline"`
	// Authority is "sha256:" and the hash of the key of the service's authority.
	Authority string `json:"authority"`
	// Person and Subject are whom the token names.
	Person  string `json:"person"`
	Subject string `json:"subject"`
	// IDToken is what the service is shown, RefreshToken what another is had for. Both are
	// good for whoever has them.
	IDToken      string    `json:"idToken"`
	RefreshToken string    `json:"refreshToken,omitempty"`
	Issued       time.Time `json:"issued"`
	Expires      time.Time `json:"expires"`
}

// Take keeps what a provider gave.
func (s *Session) Take(t signin.Tokens) {
	s.IDToken, s.Subject, s.Person = t.ID, t.Claims.Subject, t.Claims.Name()
	s.Issued, s.Expires = t.Claims.Issued.UTC(), t.Claims.Expires.UTC()
	if t.Refresh != "" {
		s.RefreshToken = t.Refresh
	}
}

// isFresh says whether the token may be shown as it is.
func (s *Session) isFresh(now time.Time) bool {
	return signin.IsFresh(s.Issued, s.Expires, now, s.RefreshToken != "")
}

// bearer is a client of the service in the name of who signed in.
func (l *Login) bearer() *client.Admin {
	fleet := l.Fleet
	return client.NewBearerAdmin(l.URL, client.Bearer{Fleet: fleet, Person: l.OIDC.Person, Authority: l.OIDC.Authority,
		Token: func(ctx context.Context) (string, error) {
			store, err := Open()
			if err != nil {
				return "", err
			}
			return store.token(ctx, fleet)
		}})
}

// token is the fleet's token, made anew where it is too old. One program at a time does
// that: a provider that gives another refresh token each time takes the use of an old one
// for a theft.
func (s *Store) token(ctx context.Context, fleet string) (string, error) {
	unlock, err := s.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	l, err := s.Find(fleet)
	if err != nil {
		return "", err
	}
	if l.OIDC == nil {
		return "", fault.New("run this again", "read login: it became another while this ran")
	}
	if l.OIDC.isFresh(time.Now()) {
		return l.OIDC.IDToken, nil
	}
	if l.OIDC.RefreshToken == "" {
		return "", fault.New("sign in again: bulla login --oidc", "show token: %w on %s", ErrEnded,
			l.OIDC.Expires.Format(time.RFC3339))
	}
	made, err := l.OIDC.Refresh(ctx, signin.Before{Refresh: l.OIDC.RefreshToken, Subject: l.OIDC.Subject})
	if err != nil && made.Refresh != "" {
		l.OIDC.RefreshToken = made.Refresh
		err = errors.Join(err, s.Put(*l))
	}
	if errors.Is(err, signin.ErrNoToken) && time.Now().Before(l.OIDC.Expires) {
		return l.OIDC.IDToken, nil
	}
	if err != nil {
		return "", fault.WithHint(err, "sign in again: bulla login --oidc")
	}
	l.OIDC.Take(made)
	return made.ID, s.Put(*l)
}

// lock keeps other programs from making a token anew at the same time.
func (s *Store) lock() (unlock func(), err error) {
	path := s.Path() + ".lock"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("lock login: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock login: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock login: %w", err), file.Close())
	}
	return func() { _ = file.Close() }, nil
}
