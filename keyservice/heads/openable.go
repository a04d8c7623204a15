package heads

import (
	"context"
	"errors"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// Openable is the head to open secrets at: one that is usable, and was seen to
// be the newest of late. What opens nothing goes on at a head that was not.
func (h *Heads) Openable(ctx context.Context) (*Head, error) {
	now, err := h.Usable(ctx)
	if err == nil {
		err = h.standing.refused(now.Hash)
	}
	if err != nil {
		return nil, err
	}
	if h.standing.stale() == nil {
		return now, nil
	}
	// Another replica may see what this one does not.
	if err := h.standing.learn(ctx); err != nil {
		return nil, err
	}
	if err := h.standing.stale(); err != nil {
		return nil, err
	}
	return now, nil
}

// Reason is the reason for which a request without a head to decide at is
// refused.
func Reason(err error) string {
	if errors.Is(err, errStale) {
		return keyservicev1.ReasonStale
	}
	if errors.Is(err, errRefused) {
		return keyservicev1.ReasonHeadRefused
	}
	return keyservicev1.ReasonUnavailable
}
