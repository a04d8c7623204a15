// Package notices tells clusters that another head is accepted: each holds a call, and
// is answered when it is so.
//
//   - A notice is a hint to look at Git. It names the accepted head, carries nothing
//     secret and grants nothing: what counts is found by the cluster's own rule.
//   - Who is not in the fleet at the accepted head does not wait here, and who leaves it
//     is sent away at that moment.
//   - A fleet does not hear of a push in one moment, as it would ask the Git host in
//     one: it is told at a pace, in an order that is another each time.
package notices

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/bulla-dev/bulla/api/hexid"
	"github.com/bulla-dev/bulla/keyservice/authority"
	"github.com/bulla-dev/bulla/keyservice/clerk"
	"github.com/bulla-dev/bulla/keyservice/heads"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

const (
	// standardHold is how long a call is held; a fifth of it is jitter, so that those
	// answered together do not come back together.
	standardHold = 100 * time.Second
	// callsEach is how many calls one key holds. A NAT may forget a connection whose
	// other end is still waited on here: the newest two count.
	callsEach = 2
	// longestSpread bounds the time in which a fleet is told.
	longestSpread = 30 * time.Second
)

// What ends a call: the results in the metric.
const (
	Told      = "told"      // another head is accepted
	Unmoved   = "unmoved"   // none for as long as a call is held
	Refused   = "refused"   // the cluster may not wait here
	Displaced = "displaced" // the same key holds newer ones
	Stopped   = "stopped"   // the service stops, or has no head yet
	Left      = "left"      // the caller went away
)

// Notices has the calls that are held.
type Notices struct {
	*clerk.Clerk
	// Follows goes with each answer.
	Follows *keyservicev1.Follows

	heads     *heads.Heads
	perSecond int
	hold      time.Duration

	mu    sync.Mutex
	moved chan struct{} // closed when another head is accepted
	// held has the calls of each key, oldest first; nil once the service stops.
	held map[string][]*call
}

// call is one that is held.
type call struct {
	end    chan struct{} // closed when it is to be answered now
	result string        // why, set before
}

// New tells so many clusters in a second, and holds a call for hold, 0 for 100 s.
func New(c *clerk.Clerk, h *heads.Heads, perSecond int, hold time.Duration) *Notices {
	if hold == 0 {
		hold = standardHold
	}
	return &Notices{Clerk: c, heads: h, perSecond: perSecond, hold: hold,
		moved: make(chan struct{}), held: map[string][]*call{}}
}

// AwaitHead answers when another head is accepted than the one that the caller names.
func (n *Notices) AwaitHead(ctx context.Context, in *keyservicev1.AwaitHeadRequest,
) (*keyservicev1.AwaitHeadResponse, error) {
	who, err := authority.CallingCluster(ctx)
	if err != nil {
		return nil, n.Refuse(keyservicev1.ReasonCertificate, err)
	}
	if in.GetHead() != "" && !hexid.IsCommit(in.GetHead()) {
		return nil, n.Refuse(keyservicev1.ReasonRequest, errors.New("head is no commit"), "cluster", who.Name)
	}
	mine, leave := n.enter(who.Identity)
	defer leave()
	head, result, err := n.await(ctx, mine, who, in.GetHead())
	n.Metrics.Head.Noticed(result)
	if err != nil {
		return nil, err
	}
	return &keyservicev1.AwaitHeadResponse{Head: head, Follows: n.Follows}, nil
}

// await waits for a head that is not known, and then for the caller's turn.
func (n *Notices) await(ctx context.Context, mine *call, who authority.Cluster, known string,
) (head, result string, err error) {
	timer := time.NewTimer(n.hold - rand.N(n.hold/5)) //nolint:gosec // jitter, not a secret
	defer timer.Stop()
	var turn <-chan time.Time
	for {
		moved := n.next() // before the head is read, or one could slip in between
		at := n.heads.Current()
		if at == nil {
			return "", Stopped, elsewhere()
		}
		if reason := mayWait(at, who); reason != "" {
			return "", Refused, n.Refuse(reason, errors.New("the accepted head does not let this cluster wait"),
				"cluster", who.Name)
		}
		isNews := at.Hash != known && !at.Superseded()
		if isNews && turn == nil {
			turn = time.After(n.turn(len(at.Model.Clusters)))
		}
		select {
		case <-turn:
			if isNews {
				return at.Hash, Told, nil
			}
			turn = nil // it was taken back
		case <-moved:
		case <-timer.C:
			return known, Unmoved, nil
		case <-mine.end:
			return "", mine.result, elsewhere()
		case <-ctx.Done():
			return "", Left, ctx.Err()
		}
	}
}

// elsewhere ends the connection with the call, so that the next one may reach another
// replica.
func elsewhere() error {
	err := clerk.WireError(keyservicev1.ReasonUnavailable)
	if wire := (*connect.Error)(nil); errors.As(err, &wire) {
		wire.Meta().Set("Connection", "close")
	}
	return err
}

// turn is when a caller is told, of a fleet of so many clusters. The size is the
// fleet's and not that of who waits here: replicas have a part each, and the Git host
// has them all.
func (n *Notices) turn(clusters int) time.Duration {
	spread := time.Duration(clusters) * time.Second / time.Duration(n.perSecond)
	return rand.N(min(spread, longestSpread) + 1) //nolint:gosec // jitter, not a secret
}

// mayWait is the reason why a caller may not wait; "" for one that may. A cluster that
// Git suspends may: the end of that is news to it.
func mayWait(at *heads.Head, who authority.Cluster) (reason string) {
	cluster, ok := at.Model.Clusters[who.Name]
	switch {
	case !ok:
		return keyservicev1.ReasonNotInFleet
	case !heads.IsPinned(cluster, who.Identity):
		return keyservicev1.ReasonIdentity
	}
	return ""
}

// next is closed when the next head is accepted.
func (n *Notices) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.moved
}

// HeadMoved wakes who waits.
func (n *Notices) HeadMoved() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.moved)
	n.moved = make(chan struct{})
}

// enter takes a call in. The oldest of its key's goes when there are too many.
func (n *Notices) enter(key string) (mine *call, leave func()) {
	mine = &call{end: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held == nil {
		mine.finish(Stopped)
		return mine, func() {}
	}
	if line := n.held[key]; len(line) == callsEach {
		line[0].finish(Displaced)
		n.held[key] = append([]*call(nil), line[1:]...)
	}
	n.held[key] = append(n.held[key], mine)
	return mine, func() { n.leave(key, mine) }
}

func (n *Notices) leave(key string, mine *call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var rest []*call
	for _, other := range n.held[key] {
		if other != mine {
			rest = append(rest, other)
		}
	}
	if len(rest) > 0 {
		n.held[key] = rest
		return
	}
	delete(n.held, key)
}

// finish ends a call, once.
func (c *call) finish(result string) {
	c.result = result
	close(c.end)
}

// EndHeld ends the calls that are held, and every one to come: the service stops.
func (n *Notices) EndHeld() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, line := range n.held {
		for _, c := range line {
			c.finish(Stopped)
		}
	}
	n.held = nil
}
