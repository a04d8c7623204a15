package clone

import (
	"context"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/fault"
)

// Fetched says when the remote was asked last.
type Fetched struct {
	// At is when a fetch last worked; zero for never.
	At time.Time
	// Err is why the newest one did not; nil when it did.
	Err error
}

// remote is what is known of it.
type remote struct {
	fetch func(context.Context) error
	turn  chan struct{}

	mu   sync.Mutex
	last Fetched
	// tried is when a fetch ended last, whatever came of it.
	tried time.Time
	// soon: one that [Clone.FetchSoon] began is under way.
	soon bool
}

const (
	// fetchWithin bounds one fetch: a remote that hangs must not be the last that was asked.
	fetchWithin = 2 * time.Minute
	// slowest is between fetches that fail.
	slowest = 10 * time.Minute
	// moment is how old an answer may be that a page takes for one of now.
	moment = 10 * time.Second
)

// Follow fetches now, and then again and again, until ctx ends. Fetches that fail are
// tried at twice the time, up to ten minutes. It is called once, and before [Clone.Fetch].
func (c *Clone) Follow(ctx context.Context, every time.Duration, fetch func(context.Context) error) {
	c.remote.mu.Lock()
	c.remote.fetch, c.remote.turn = fetch, make(chan struct{}, 1)
	c.remote.mu.Unlock()
	go func() {
		for wait := every; ; {
			if err := c.Fetch(ctx); err == nil {
				wait = every
			} else {
				wait = min(2*wait, max(slowest, every))
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}()
}

// Fetch fetches now: after a person made a request, say. Two at a time would be one for
// Git, which locks its refs. Nothing is fetched, and that is no error, where nobody
// follows the remote.
func (c *Clone) Fetch(ctx context.Context) error {
	c.remote.mu.Lock()
	fetch, turn := c.remote.fetch, c.remote.turn
	c.remote.mu.Unlock()
	if fetch == nil {
		return nil
	}
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	within, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	err := fetch(within)
	if ctx.Err() != nil {
		return ctx.Err() // who asked gave up: that says nothing of the remote
	}
	if err != nil {
		if fault.Hint(err) == "" {
			err = fault.New("it is tried again by itself; does `git fetch` work in the clone?", "fetch: %w", err)
		}
	}
	c.remote.mu.Lock()
	defer c.remote.mu.Unlock()
	c.remote.tried = time.Now()
	if c.remote.last.Err = err; err == nil {
		c.remote.last.At = time.Now().UTC()
	}
	return err
}

// FetchSoon has somebody fetch, and waits for nothing. Pages that wait for a merge ask as
// often as they are looked at: of all that ask one fetches, and none where one just ended,
// or a remote that hangs would have them queue without end.
func (c *Clone) FetchSoon(ctx context.Context) {
	c.remote.mu.Lock()
	defer c.remote.mu.Unlock()
	if c.remote.fetch == nil || c.remote.soon || time.Since(c.remote.tried) < moment {
		return
	}
	c.remote.soon = true
	go func() {
		_ = c.Fetch(context.WithoutCancel(ctx)) // Fetched has it
		c.remote.mu.Lock()
		defer c.remote.mu.Unlock()
		c.remote.soon = false
	}()
}

// Fetched says when the remote was asked last. follows is false where nobody asks it: then
// the clone is as new as whoever fetches into it makes it.
func (c *Clone) Fetched() (last Fetched, follows bool) {
	c.remote.mu.Lock()
	defer c.remote.mu.Unlock()
	return c.remote.last, c.remote.fetch != nil
}
