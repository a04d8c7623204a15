package fleetsync

import (
	"sync"
	"time"
)

// hintTries is how often the remote is asked for a head that the key service told of:
// after 1, 2, 4 … 32 seconds. A Git host may show a push to one who asks before it shows
// it to another. What it does not show by then is found at the interval.
const hintTries = 6

// hint is a head that the key service told of, until this cluster has it. It says when
// to look, and nothing about what is found.
type hint struct {
	mu    sync.Mutex
	head  string
	tries int
}

// set takes a head that was told of.
func (h *hint) set(head string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.head, h.tries = head, 0
}

// again is when to look again, after a look that found nothing new; 0 when there is
// nothing to wait for.
func (h *hint) again(has func(commit string) bool) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.head == "" {
		return 0
	}
	if h.tries == hintTries || has(h.head) {
		h.head, h.tries = "", 0
		return 0
	}
	h.tries++
	return time.Second << (h.tries - 1)
}
