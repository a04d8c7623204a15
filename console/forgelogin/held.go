package forgelogin

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/bulla-dev/bulla/api/fault"
)

// Held is what one session holds of the forge: a person's account, and what they began.
// Its zero value holds nothing. It is safe for concurrent use.
type Held struct {
	mu      sync.Mutex
	account *Account
	// state and verifier are of the one attempt that is open, since began.
	state, verifier string
	began           time.Time
	// draft is what waits for an account.
	draft string
}

// attemptLife is how long a person may be at the forge.
const attemptLife = 10 * time.Minute

// ErrForeign says that what leads back from the forge is not to what this session began.
var ErrForeign = errors.New("the answer is not to what you began")

// Begin begins an attempt, and forgets one before.
func (h *Held) Begin() (state, verifier string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.verifier, h.began = rand.Text(), oauth2.GenerateVerifier(), time.Now()
	return h.state, h.verifier
}

// Take is the verifier of the attempt that was begun under a state, once. The error is
// [ErrForeign] where that is another: somebody else's link would connect their account to
// this person's session.
func (h *Held) Take(state string) (verifier string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	began, now, verifier := h.began, h.state, h.verifier
	h.state, h.verifier = "", ""
	if now == "" || subtle.ConstantTimeCompare([]byte(state), []byte(now)) != 1 || time.Since(began) > attemptLife {
		return "", fault.New("begin again on the page Account, and come back within ten minutes", "connect your account: %w",
			ErrForeign)
	}
	return verifier, nil
}

// Keep holds an account as long as the session lasts, or until it is forgotten.
func (h *Held) Keep(a *Account) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.account = a
}

// Forget holds it no more.
func (h *Held) Forget() { h.Keep(nil) }

// Account is the one that is held; nil for none.
func (h *Held) Account() *Account {
	if h == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.account
}

// Wait has a draft wait for an account, by its id.
func (h *Held) Wait(draft string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draft = draft
}

// Waiting is the draft that waits; "" for none.
func (h *Held) Waiting() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.draft
}
