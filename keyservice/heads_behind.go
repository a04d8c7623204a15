package keyservice

import "context"

// nearHistory bounds the commits that are read for a revision which was never
// accepted itself: one that lies between two heads, pushed together. Who asks by an
// older one makes the service look, as by one that does not exist.
const nearHistory = 1000

// know makes sure that a revision which is new here was looked for. It grants
// nothing: whatever happens, the decision is made at the accepted head.
func (h *heads) know(ctx context.Context, revision string) {
	if h.isBehind(ctx, revision) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	if err := h.looks.do(ctx); err != nil && h.told.again(err, h.now()) {
		h.log.Warn("look for a requested revision failed", "revision", revision, "error", err.Error())
	}
}

// isBehind says whether nothing is to be looked for, as the head in use came after a
// revision. That the mirror holds it is not enough: it may have been fetched and not
// be accepted yet, and a decision at the head before it would refuse what it grants.
//
// Every cluster asks, and by any revision that it likes: what costs nothing comes
// first, and the walk is bounded.
func (h *heads) isBehind(ctx context.Context, revision string) bool {
	current := h.current.Load()
	if current == nil {
		return false
	}
	if current.hash == revision {
		return true
	}
	if before, err := h.rows.WasBefore(ctx, h.fleet, h.ref, revision, current.hash); err == nil && before {
		return true
	}
	behind, err := h.rule.Source.FollowsWithin(current.hash, revision, nearHistory)
	return err == nil && behind
}
