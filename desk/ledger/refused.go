package ledger

import (
	"fmt"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// RefusedTip is what the repository has and the key service does not accept.
type RefusedTip struct {
	// Tip is the commit; "" when the branch is gone.
	Tip    string    `json:"tip,omitempty"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	// Stops is from when on nothing is unsealed; nil for never.
	Stops *time.Time `json:"stops,omitempty"`
}

func readRefused(r *keyservicev1.RefusedTip) *RefusedTip {
	if r == nil {
		return nil
	}
	return &RefusedTip{
		Tip: r.GetTip(), Reason: r.GetReason(), Since: time.UnixMicro(r.GetSince()).UTC(),
		Stops: moment(r.GetStops()),
	}
}

// Says what that means at a time, in one line.
func (r *RefusedTip) Says(now time.Time) string {
	what, then := "the repository's newest commit "+r.Tip+" is refused", "what was accepted before is unsealed as before"
	if r.Tip == "" {
		what = "the repository's branch is gone"
	}
	switch {
	case r.Stops != nil && now.Before(*r.Stops):
		then = "nothing is unsealed from " + r.Stops.Format(time.RFC3339) + " on, unless it is mended"
	case r.Stops != nil:
		then = "nothing is unsealed until it is mended"
	}
	return fmt.Sprintf("%s (%s) since %s: %s", what, r.Reason, r.Since.Format(time.RFC3339), then)
}
