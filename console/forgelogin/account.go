package forgelogin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
)

// Account is a person's at the forge. However it is printed, written or logged, it is its
// name: see its methods.
type Account struct {
	// Login is its name at the forge, Name and Email what the person says there. They are
	// texts of strangers, in one line each.
	Login, Name, Email string

	// kept is behind a pointer: of a struct that holds an account, fmt would print the fields
	// and ask no method.
	kept *kept
}

// kept is the token, which OAuth renews.
type kept struct {
	mu    sync.Mutex
	token *oauth2.Token
}

// String implements [fmt.Stringer].
func (a Account) String() string { return "forge account of " + a.Login }

// GoString implements [fmt.GoStringer].
func (a Account) GoString() string { return a.String() }

// Format implements [fmt.Formatter]: every verb prints the same.
func (a Account) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(a.String())) }

// MarshalText implements [encoding.TextMarshaler], for JSON and all else that writes.
func (a Account) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// LogValue implements [slog.LogValuer].
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String, GoString and Format print nothing of a token.
func (*kept) String() string { return "a token" }

func (*kept) GoString() string { return "a token" }

func (*kept) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("a token")) }

// early is how long before its end a token is renewed: a push and a pull request follow.
const early = 3 * time.Minute

// ErrOver says that the account has to be connected again.
var ErrOver = errors.New("your account at the forge is not connected any more")

// token is one that is good for a while, renewed where it must be.
func (f *Forge) token(ctx context.Context, a *Account) (string, error) {
	if a == nil || a.kept == nil {
		return "", fault.New("connect it on the page Account", "%w", ErrOver)
	}
	a.kept.mu.Lock()
	defer a.kept.mu.Unlock()
	now := a.kept.token
	if now.Expiry.IsZero() || time.Until(now.Expiry) > early {
		return now.AccessToken, nil
	}
	if now.RefreshToken == "" {
		return "", fault.New("connect it again on the page Account", "%w: it expired", ErrOver)
	}
	// A page that is closed meanwhile would lose what the forge gave in the old one's place.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, f.client)
	next, err := f.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: now.RefreshToken}).Token()
	if err != nil {
		return "", fault.New("connect it again on the page Account", "%w: %s did not renew it: %w", ErrOver, f.config.URL,
			refused(err))
	}
	a.kept.token = next
	return next.AccessToken, nil
}
