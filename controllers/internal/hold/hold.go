// Package hold is what keeps a new revision of a placement from a cluster for a while,
// and never what only takes away, or a secret that Git revoked: pace, not access.
package hold

import (
	"fmt"
	"time"

	api "github.com/bulla-dev/bulla/api/fleet"
	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
)

// Hold is why a revision waits, and how long at least.
type Hold struct {
	// End is in the words of the condition: not wrong, and comes back by itself.
	End *loop.Error
	// Again is when to ask again.
	Again time.Duration
}

// Window holds a revision while no window of its placement is open; nil for no hold.
func Window(spec api.PlacementSpec, revision string, now time.Time) *Hold {
	open, next := spec.OpenAt(now)
	if open {
		return nil
	}
	until := "no window ever opens"
	again := time.Hour
	if !next.IsZero() {
		until, again = "the next window opens at "+next.UTC().Format(time.RFC3339), next.Sub(now)
	}
	return &Hold{Again: again, End: waits(v1alpha1.WaitingForWindowReason, revision, until)}
}

func waits(reason, revision, until string) *loop.Error {
	return &loop.Error{Intent: loop.Progress, Reason: reason, Message: fmt.Sprintf(
		"%s waits: %s; what stands is kept and healed; what it drops goes with it, a secret that nobody uses at once",
		revision, until)}
}
