package heads

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
	"github.com/bulla-dev/bulla/kustomize/follow"
)

// Watch looks at the remote every interval until ctx ends.
func (h *Heads) Watch(ctx context.Context, interval time.Duration) {
	ticker, row := time.NewTicker(interval), time.NewTicker(rowEvery)
	defer ticker.Stop()
	defer row.Stop()
	for {
		if err := h.looking.looks.do(ctx); err != nil && ctx.Err() == nil && h.standing.isNews(err) {
			h.Log.Error("look at the fleet repository failed", "error", err.Error())
		}
		h.looking.ended()
		for due := false; !due; {
			h.standing.tellStale(h.Log)
			select {
			case <-ticker.C:
				due = true
			case <-row.C:
				due = h.isBehindRow(ctx)
			case <-ctx.Done():
				return
			}
		}
	}
}

// look asks the remote for its head, and takes it when it is new.
func (h *Heads) look() error {
	life := h.looking.life
	err := h.lookOnce()
	var refused *follow.Refusal
	if errors.As(err, &refused) {
		err = errors.Join(err, h.Denied(life, h.refusal(refused)))
	}
	err = h.standing.found(life, h.current.Load(), err)
	h.Observer.Looked(err)
	return err
}

func (h *Heads) lookOnce() error {
	if err := h.looking.turn(); err != nil {
		return err
	}
	life, began := h.looking.life, h.Now()
	tip, err := h.Rule.Source.Look(life)
	if err != nil {
		return fmt.Errorf("ask for the remote's head: %w", refGone(err, h.ref))
	}
	if current := h.current.Load(); current != nil && h.Rule.IsAt(tip, current.Hash) {
		is, err := h.inForce(life, current)
		if is {
			h.standing.verified(tip, began)
		}
		if is || err != nil {
			return errors.Join(err, h.pinned.tell(life, current))
		}
	}
	// Replicas see a push at once. The one that is second takes what the first
	// one accepted.
	for range DecideAttempts {
		if err = h.next(tip, began); !errors.Is(err, store.ErrHeadMoved) {
			break
		}
	}
	return err
}
