package unseal

import (
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/controllers/internal/loop"
	"github.com/bulla-dev/bulla/controllers/internal/pace"
	keyservice "github.com/bulla-dev/bulla/keyservice/client"
)

// Between two tries to reach a key service that does not answer. They are spread
// over half of it, so that the clusters of a fleet do not return in one moment.
const (
	firstTurn   = time.Second
	longestTurn = 5 * time.Second
)

// outage knows which Deliveries wait for the key service. While it answers
// nothing, one of them in turn asks in the place of all: the others are told at
// once, so that no worker hangs in a request when something has to be healed.
// The first answer wakes everybody. The zero value is ready.
type outage struct {
	mu      sync.Mutex
	wake    func(delivery string)
	waiting map[string]bool
	// down is why the last request as a whole was not answered, nil when it was.
	down *loop.Error
	// turn is the Delivery that was woken to ask; asking, that it does.
	turn   string
	asking bool
	pause  time.Duration
	timer  *time.Timer
}

// Wakes says how to wake a Delivery that waits.
func (u *Unsealing) Wakes(wake func(delivery string)) {
	u.outage.mu.Lock()
	defer u.outage.mu.Unlock()
	u.outage.wake = wake
}

// admit says whether a Delivery may ask; if not, it has the answer of whoever
// asked last.
func (o *outage) admit(delivery string) *loop.Error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.turn == delivery {
		o.asking = true
		return nil
	}
	if o.down == nil || len(o.waiting) == 0 && !o.asking {
		return nil
	}
	o.wait(delivery)
	return o.down
}

// heard takes note of what became of a request.
func (o *outage) heard(delivery string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.turn == delivery {
		o.turn, o.asking = "", false
	}
	var failed *loop.Error
	if err != nil && !errors.As(err, &failed) {
		return // our own giving up says nothing about the service
	}
	if failed == nil || failed.Reason != v1alpha1.KeyServiceUnavailableReason {
		o.answered(delivery)
		return
	}
	o.down = nil
	if errors.Is(failed.Err, keyservice.ErrUnavailable) {
		o.down = failed
	}
	o.wait(delivery)
	o.schedule(keyservice.RetryAfter(failed.Err))
}

// answered wakes everybody who waits: their questions share a request.
func (o *outage) answered(delivery string) {
	delete(o.waiting, delivery)
	o.down, o.pause = nil, 0
	if o.wake != nil {
		for name := range o.waiting {
			o.wake(name)
		}
	}
	clear(o.waiting)
}

func (o *outage) wait(delivery string) {
	if o.waiting == nil {
		o.waiting = map[string]bool{}
	}
	o.waiting[delivery] = true
	o.schedule(0)
}

// schedule arranges for the next turn, not before the service wants to be asked.
func (o *outage) schedule(atLeast time.Duration) {
	if o.timer != nil {
		if atLeast > 0 {
			o.timer.Reset(pace.Spread(atLeast))
		}
		return
	}
	o.pause = min(longestTurn, max(firstTurn, 2*o.pause))
	soon := o.pause/2 + time.Duration(rand.Float64()*float64(o.pause)/2) //nolint:gosec // jitter, not a secret
	o.timer = time.AfterFunc(max(soon, pace.Spread(atLeast)), o.next)
}

// next gives the turn to somebody. Who was woken before and had nothing to ask
// loses it.
func (o *outage) next() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = nil
	if o.asking {
		return // heard schedules the next
	}
	o.turn = ""
	for name := range o.waiting {
		o.turn = name
		break
	}
	delete(o.waiting, o.turn)
	if o.turn == "" {
		o.down, o.pause = nil, 0
		return
	}
	o.schedule(0)
	if o.wake != nil {
		o.wake(o.turn)
	}
}
