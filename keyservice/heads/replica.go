package heads

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/store"
)

const (
	// rowEvery is how often the row of the accepted head is read: a replica learns
	// by it that another one accepted a head, without asking Git.
	rowEvery = 2 * time.Second
	// DecideAttempts bounds how often a request is decided again because a head was
	// accepted while it was under way.
	DecideAttempts = 3
)

// ErrBehind says that another replica accepted a head that this one does not have.
var ErrBehind = errors.New("another replica accepted a newer head, and it is not here yet")

// Usable is the head to decide at. A replica that is behind looks for the newer
// head first, and has none to decide at until it has that one.
func (h *Heads) Usable(ctx context.Context) (*Head, error) {
	now := h.inUse()
	if now != nil && now.superseded.Load() {
		h.catchUp(ctx)
		now = h.inUse()
	}
	switch {
	case now == nil:
		return nil, errors.New("no head is accepted yet")
	case now.superseded.Load():
		return nil, ErrBehind
	}
	return now, nil
}

func (h *Heads) catchUp(ctx context.Context) {
	if err := h.looking.ask(ctx); err != nil && h.standing.isNews(err) {
		h.Log.Warn("look for a head that another replica accepted failed", "error", err.Error())
	}
}

// inForce compares a head with the row, and remembers the outcome.
func (h *Heads) inForce(ctx context.Context, of *Head) (bool, error) {
	last, err := h.Rows.LastHead(ctx, h.Fleet, h.ref)
	if err != nil {
		return false, err
	}
	is := last.Hash == of.Hash
	of.superseded.Store(!is)
	return is, nil
}

// isBehindRow reports whether another replica went ahead. What cannot be asked is
// found out by the next append.
func (h *Heads) isBehindRow(ctx context.Context) bool {
	now := h.current.Load()
	if now == nil {
		return true
	}
	is, err := h.inForce(ctx, now)
	return err == nil && !is
}

// StillAt is for what was decided and not recorded, being counted with earlier
// refusals: store.ErrHeadMoved unless the head is in force.
func (h *Heads) StillAt(ctx context.Context, of *Head) error {
	is, err := h.inForce(ctx, of)
	if err != nil {
		return fmt.Errorf("compare with the accepted head: %w", err)
	}
	if !is {
		return store.ErrHeadMoved
	}
	return nil
}
