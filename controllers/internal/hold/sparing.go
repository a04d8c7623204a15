package hold

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// slow is how long an answer may take before all others go without one for a while.
const slow = 5 * time.Second

var errSlow = errors.New("it answers slowly, and is not asked for each Delivery in turn")

// Sparing is a Pacer that leaves a slow key service alone for a while. Two hundred
// Deliveries that wait, each a few seconds for an answer, would keep every worker busy,
// and a removal never waits.
type Sparing struct {
	// Now is the clock.
	Now func() time.Time

	mu    sync.Mutex
	until time.Time
}

// Of gives the Pacer that asks this one; nil for nil.
func (s *Sparing) Of(asked Pacer) Pacer {
	if asked == nil {
		return nil
	}
	return spared{asked, s}
}

type spared struct {
	Pacer
	*Sparing
}

// MayTake asks, or fails at once while the service is left alone.
func (s spared) MayTake(ctx context.Context, in *keyservicev1.MayTakeRequest) (
	may bool, why string, again time.Duration, err error,
) {
	began := s.Now()
	if s.left(began) {
		return false, "", 0, errSlow
	}
	defer func() {
		if now := s.Now(); now.Sub(began) >= slow {
			s.leave(now.Add(askAgain))
		}
	}()
	return s.Pacer.MayTake(ctx, in)
}

// left says that the service is left alone; a clock that was set back is no reason.
func (s *Sparing) left(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.until) && s.until.Sub(now) <= askAgain
}

func (s *Sparing) leave(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
}
