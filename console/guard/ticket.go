package guard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"
)

// Ticket is a link that begins one session, once, within [TicketLife].
//
// Its token stands in the query and not in the fragment: a fragment takes a script to be
// read, and the first page would not work without one. What a query is feared for does
// not count here: the link is spent before a history or a log is read, no page of ours
// refers to another site, and no proxy stands between a browser and loopback.
type Ticket struct {
	hash  [32]byte
	until time.Time

	mu    sync.Mutex
	spent bool
}

// TicketLife is how long a person has to open the link.
const TicketLife = 5 * time.Minute

// NewTicket makes one, and the token that goes into the link.
func NewTicket(now time.Time) (t *Ticket, token string) {
	token = rand.Text()
	return &Ticket{hash: sha256.Sum256([]byte(token)), until: now.Add(TicketLife)}, token
}

const anotherLink = "end `bulla ui` (Ctrl-C) and start it again: it prints another link"

// Take spends the ticket, or says why not. A wrong token spends nothing: it would lock
// the person out.
func (t *Ticket) Take(token string, now time.Time) error {
	given := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(given[:], t.hash[:]) != 1 {
		return refuse(http.StatusForbidden, "open the link that `bulla ui` printed last, whole",
			"this link has another token")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.spent:
		return refuse(http.StatusForbidden, "go on in the window that it opened, or "+anotherLink+
			". If you have not opened it, somebody else has: end it now", "this link was used already")
	case now.After(t.until):
		return refuse(http.StatusForbidden, anotherLink, "this link is too old: it was good for %v", TicketLife)
	}
	t.spent = true
	return nil
}
