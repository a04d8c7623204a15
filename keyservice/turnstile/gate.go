package turnstile

import (
	"context"
	"sync"
	"time"
)

// Gate lets as many requests at a time into a route as its entry says. Some more
// wait, for a while; the rest are sent away at once, each with a time to come back
// at, one after the other at the pace of the service. So a fleet that reconnects
// as one asks twice, mostly, and the service holds only what it works on.
type Gate struct {
	slots   chan struct{}
	waiting chan struct{}
	// patience is how long a request waits at most.
	patience time.Duration

	mu sync.Mutex
	// every is about how long the service takes for one more request, when it is
	// busy; next the time that was given away last.
	every time.Duration
	next  time.Time
	// ended is when a request left last while others waited.
	ended time.Time
}

const (
	// waitingPerSlot is how many requests wait for each that is under way.
	waitingPerSlot = 2
	// firstTurn is the soonest that a caller is told to come back.
	firstTurn = time.Second
	// eager is how much faster than the service callers are called back, so that it
	// does not wait for one that does not come.
	eager = 0.85
	// slowest bounds the pace that is reckoned with: a stall of the token must not
	// send a fleet away for longer than it lasts. Who comes too early is told again,
	// which costs little; a service that waits for callers costs them all.
	slowest = 40 * time.Millisecond
)

// NewGate makes the gate of a route: inFlight requests at a time, and as many as
// wait, for half of timeout at most.
func NewGate(inFlight int, timeout time.Duration) *Gate {
	return &Gate{slots: make(chan struct{}, inFlight), waiting: make(chan struct{}, inFlight*waitingPerSlot),
		patience: timeout / 2, every: 10 * time.Millisecond}
}

// Enter waits for a place. Without one it says when to come back; leave gives the
// place back.
func (g *Gate) Enter(ctx context.Context, q *Quota) (leave func(), back time.Duration, ok bool) {
	select {
	case g.slots <- struct{}{}:
		return g.leave, 0, true
	default:
	}
	select {
	case g.waiting <- struct{}{}:
	default:
		return nil, g.turn(q, time.Now()), false
	}
	defer func() { <-g.waiting }()
	ctx, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	select {
	case g.slots <- struct{}{}:
		return g.leave, 0, true
	case <-ctx.Done():
		return nil, g.turn(q, time.Now()), false
	}
}

func (g *Gate) leave() {
	g.pace(time.Now())
	<-g.slots
}

// pace learns how fast requests leave while others wait.
func (g *Gate) pace(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.ended = time.Time{}
		return
	}
	if !g.ended.IsZero() {
		const weight = 0.05
		g.every = min(slowest, time.Duration((1-weight)*float64(g.every)+weight*float64(now.Sub(g.ended))))
	}
	g.ended = now
}

// turn gives a caller a time of its own. One that comes before it is told the same
// again: asking often does not push the others back.
func (g *Gate) turn(q *Quota, now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.turn.After(now) {
		return q.turn.Sub(now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if soonest := now.Add(firstTurn); g.next.Before(soonest) {
		g.next = soonest
	}
	g.next = g.next.Add(time.Duration(eager * float64(g.every)))
	if latest := now.Add(MaxRetryAfter); g.next.After(latest) {
		g.next = latest
	}
	q.turn = g.next
	return g.next.Sub(now)
}
