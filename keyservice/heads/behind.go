package heads

import "context"

// nearHistory bounds the commits that are read for a revision which was never
// accepted itself: one that lies between two heads, pushed together. Who asks by an
// older one makes the service look, as by one that does not exist.
const nearHistory = 1000

// Know makes sure that a revision which is new here was looked for. It grants
// nothing: whatever happens, the decision is made at the accepted head.
func (h *Heads) Know(ctx context.Context, revision string) {
	if h.isBehind(ctx, revision) {
		return
	}
	if err := h.looking.ask(ctx); err != nil && h.standing.isNews(err) {
		h.Log.Warn("look for a requested revision failed", "revision", revision, "error", err.Error())
	}
}

// isBehind says whether nothing is to be looked for, as the head in use came after a
// revision. That the mirror holds it is not enough: it may have been fetched and not
// be accepted yet, and a decision at the head before it would refuse what it grants.
//
// Every cluster asks, and by any revision that it likes: what costs nothing comes
// first, and the walk is bounded.
func (h *Heads) isBehind(ctx context.Context, revision string) bool {
	current := h.current.Load()
	if current == nil {
		return false
	}
	if current.Hash == revision {
		return true
	}
	if before, err := h.Rows.WasBefore(ctx, h.Fleet, h.ref, revision, current.Hash); err == nil && before {
		return true
	}
	behind, err := h.Rule.Source.FollowsWithin(current.Hash, revision, nearHistory)
	return err == nil && behind
}
