package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/console/guard"
	"github.com/bulla-dev/bulla/desk/signin"
)

const (
	// patience is how long a person has to sign in.
	patience = 10 * time.Minute
	// mostSpent bounds memory.
	mostSpent = 1 << 14
)

// Book is where people sign in.
//
// What a sign-in that was begun needs for its end is with the browser that began it, sealed
// under a key of this process: strangers fill no memory, and an answer that comes by another
// browser is nobody's.
type Book struct {
	provider *provider
	sessions *guard.Sessions
	origins  []string
	cookie   string
	now      func() time.Time
	seal     cipher.AEAD

	mu sync.Mutex
	// spent are the sign-ins that were answered, until they would have ended.
	spent map[[32]byte]time.Time
}

// Options are what a [Book] is made of.
type Options struct {
	// Client is the console as the provider knows it.
	Client *signin.Client
	// Sessions are begun by it. Their clock is also the book's.
	Sessions *guard.Sessions
	Origins  []string
	// Groups at the provider, one of which a person is in who may sign in, and stays in; none
	// lets in whom the provider does.
	Groups []string
	// Log is told why nobody could be let in.
	Log *slog.Logger
}

// New has people sign in.
func New(o Options) (*Book, error) {
	block, err := aes.NewCipher(random(32))
	if err != nil {
		return nil, fmt.Errorf("make a key for cookies: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make a key for cookies: %w", err)
	}
	now := o.Sessions.Now
	if now == nil {
		now = time.Now
	}
	p := &provider{client: o.Client, groups: o.Groups, now: now, log: o.Log, places: make(chan struct{}, mostAsking)}
	return &Book{provider: p, sessions: o.Sessions, origins: o.Origins, cookie: guard.CookieName(o.Origins, "sign-in"),
		now: now, seal: seal, spent: map[[32]byte]time.Time{}}, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// begun is a sign-in on its way.
type begun struct {
	signin.Begun
	Next  string    `json:"next"`
	Until time.Time `json:"until"`
}

// Begin sends a browser to the provider. next is where the person goes once they are in.
func (b *Book) Begin(w http.ResponseWriter, r *http.Request, next string) error {
	one := begun{Next: Local(next), Until: b.now().Add(patience)}
	var page string
	var err error
	if one.Begun, page, err = b.provider.client.Begin(r.Context()); err != nil {
		return err
	}
	text, err := json.Marshal(one)
	if err != nil {
		return errors.New("begin to sign in: what is kept of it cannot be written")
	}
	sealed := b.seal.Seal(nil, nil, text, []byte(b.cookie)) //nolint:gosec // it makes a nonce of its own
	b.setCookie(w, base64.RawURLEncoding.EncodeToString(sealed), patience)
	http.Redirect(w, r, page, http.StatusSeeOther)
	return nil
}

// Complete takes the provider's answer, begins a session, and says where the person goes on.
func (b *Book) Complete(w http.ResponseWriter, r *http.Request) (next string, err error) {
	one, err := b.take(r)
	b.setCookie(w, "", -time.Second)
	if err != nil {
		return "", err
	}
	tokens, err := b.provider.client.Complete(r.Context(), one.Begun, r.URL.Query())
	if err != nil {
		return "", err
	}
	if err := b.provider.admit(tokens.Claims); err != nil {
		return "", err
	}
	b.sessions.Begin(w, r, b.origins, newSession(b.provider, tokens))
	return Local(one.Next), nil
}

const beginAgain = "begin again, in this browser; each attempt is good once, for ten minutes, and the last one counts"

// take is the sign-in that the browser began, once.
func (b *Book) take(r *http.Request) (one begun, err error) {
	sent, err := r.Cookie(b.cookie)
	if err != nil {
		return one, foreign("this browser began none")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(sent.Value)
	if err != nil {
		return one, foreign("what this browser has of it cannot be read")
	}
	text, err := b.seal.Open(nil, nil, sealed, []byte(b.cookie))
	if err != nil || json.Unmarshal(text, &one) != nil {
		return one, foreign("what this browser has of it is not of this console, or of one before it was started anew")
	}
	now := b.now()
	if now.After(one.Until) {
		return one, foreign("it took too long")
	}
	at := sha256.Sum256([]byte(one.State))
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, was := b.spent[at]; was {
		return one, foreign("it was answered before")
	}
	if len(b.spent) >= mostSpent {
		b.forget(now)
	}
	b.spent[at] = one.Until
	return one, nil
}

// forget makes room by what ended and, where that is nothing, by what ends first: strangers
// answer themselves as often as they like, and must keep nobody out. Of what is forgotten the
// provider's code was good once, too.
func (b *Book) forget(now time.Time) {
	var first [32]byte
	for other, until := range b.spent {
		if now.After(until) {
			delete(b.spent, other)
		} else if was, ok := b.spent[first]; !ok || until.Before(was) {
			first = other
		}
	}
	if len(b.spent) >= mostSpent {
		delete(b.spent, first)
	}
}

func foreign(what string) error {
	return fault.New(beginAgain, "sign in: %w: %s", signin.ErrForeign, what)
}

// setCookie is Lax, and not Strict: the answer comes from the provider's site.
func (b *Book) setCookie(w http.ResponseWriter, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure but on loopback, where there is no TLS
		Name: b.cookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		MaxAge: int(life / time.Second), Secure: strings.HasPrefix(b.cookie, "__Host-")})
}
