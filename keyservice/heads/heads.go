package heads

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bulla-dev/bulla/keyservice/audit"
	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// Heads follows the configured ref. Authority is always the head accepted last;
// a tip that cannot be accepted changes nothing but how that head stands.
type Heads struct {
	Options
	ref string

	current  atomic.Pointer[Head]
	looking  looking
	standing *standing
	pinned   pinned
	// stored is for looks, of which there is one at a time.
	stored stored
}

// New follows nothing before [Heads.Start].
func New(o Options) *Heads {
	return &Heads{Options: o, ref: o.Repository.Ref, standing: newStanding(&o), pinned: pinned{token: o.Token}}
}

// Start begins a life. Nothing is looked at yet.
func (h *Heads) Start(life context.Context) { h.looking.start(life, h.LookEvery, h.look) }

// Life ends with the service.
func (h *Heads) Life() context.Context { return h.looking.life }

// Looked is closed when the first look of this process has ended, however it did.
func (h *Heads) Looked() <-chan struct{} { return h.looking.first }

// Look asks the remote now, together with others who want that; it is waited for ten
// seconds. The error is a [*follow.Refusal] for a tip that is not accepted.
func (h *Heads) Look(ctx context.Context) error { return h.looking.ask(ctx) }

// Current is the head in use, as of now; nil before the first.
func (h *Heads) Current() *Head { return h.inUse() }

// Restore takes up the head accepted last, verified again: the pins may have
// changed. When the mirror lost it, the first look fetches it back.
func (h *Heads) Restore(ctx context.Context) error {
	last, err := h.Rows.LastHead(ctx, h.Fleet, h.ref)
	if errors.Is(err, store.ErrNotFound) || err == nil && !h.Rule.Source.Contains(last.Hash) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	known, err := h.Rows.KnownFleet(ctx, h.Fleet)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	accepted, err := h.Rule.Read(ctx, last.Hash, known)
	if err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	if err := h.standing.begin(ctx, last); err != nil {
		return fmt.Errorf("restore accepted head: %w", err)
	}
	return h.take(newHead(accepted), last.Accepted)
}

// refusal is what is recorded of a tip that was not accepted.
func (h *Heads) refusal(refused *follow.Refusal) audit.Entry {
	e := audit.Entry{Kind: audit.Head, Outcome: refused.Reason.Word(), Revision: refused.Head, Detail: refused.Err.Error()}
	if current := h.current.Load(); current != nil {
		e.Head = current.Hash
	}
	return e
}

// next takes a tip that this service observed on the configured ref.
func (h *Heads) next(tip string, began time.Time) error {
	h.Observer.Fetching()
	m := &memory{Heads: h}
	next, err := h.Rule.Next(h.looking.life, tip, m)
	if err != nil {
		return m.explain(err)
	}
	h.standing.verified(next.Hash, began)
	return h.take(newHead(next), m.accepted)
}

// take makes a verified head the authority, and its keys the token's. The head
// counts even if the token does not have its keys: what it revokes is revoked.
func (h *Heads) take(next *Head, accepted time.Time) error {
	next = h.asOf(next, h.Now())
	h.current.Store(next)
	h.Observer.AcceptedHead(accepted)
	h.Log.Info("accepted head", "head", next.Hash, "clusters", len(next.Model.Clusters),
		"placements", len(next.Model.Placements), "problems", len(next.Model.Problems))
	h.Accepted(next)
	return h.pinned.tell(h.looking.life, next)
}

// State is for readiness: the head in use, whether another one is in force, and
// what the last look ran into.
func (h *Heads) State() (hash string, behind bool, trouble error) {
	if current := h.current.Load(); current != nil {
		hash, behind = current.Hash, current.superseded.Load()
	}
	return hash, behind, h.standing.lastTrouble()
}
