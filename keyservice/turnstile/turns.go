package turnstile

import (
	"context"
	"sync"
)

// Turns shares the token's slots between callers: who waits gets one in turn, one
// after the other, however much each asks for. A cluster with a thousand blocks
// waiting holds a cluster with one up by one block.
type Turns struct {
	mu   sync.Mutex
	free int
	// waiting has the callers' own lines, and order whose turn is next.
	waiting map[string][]chan struct{}
	order   []string
}

// NewTurns shares so many slots.
func NewTurns(slots int) *Turns {
	return &Turns{free: slots, waiting: map[string][]chan struct{}{}}
}

// Acquire waits for a slot in the caller's turn, or for the end of ctx.
func (t *Turns) Acquire(ctx context.Context, caller string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.mu.Lock()
	if t.free > 0 { // nobody waits
		t.free--
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	if _, stands := t.waiting[caller]; !stands {
		t.order = append(t.order, caller)
	}
	t.waiting[caller] = append(t.waiting[caller], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		return t.leave(caller, mine, ctx.Err())
	}
}

// leave takes a caller out of its line. One whose turn came in that moment passes
// the slot on.
func (t *Turns) leave(caller string, mine chan struct{}, why error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-mine:
		t.pass()
		return why
	default:
	}
	line := t.waiting[caller]
	for i, other := range line {
		if other == mine {
			t.waiting[caller] = append(line[:i:i], line[i+1:]...)
			break
		}
	}
	return why
}

// Release gives a slot to the next in turn.
func (t *Turns) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass()
}

// pass gives the slot to the next caller in turn, and that caller's next block a
// place after everybody else's.
func (t *Turns) pass() {
	for len(t.order) > 0 {
		caller := t.order[0]
		t.order = t.order[1:]
		line := t.waiting[caller]
		if len(line) == 0 { // all left
			delete(t.waiting, caller)
			continue
		}
		close(line[0])
		if len(line) == 1 {
			delete(t.waiting, caller)
		} else {
			t.waiting[caller] = line[1:]
			t.order = append(t.order, caller)
		}
		return
	}
	t.free++
}
