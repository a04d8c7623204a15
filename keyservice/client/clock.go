package client

import (
	"sync"
	"time"
)

// serviceClock is what the service said last of its own clock. The answer came over
// TLS under the pinned authority, so the time is the service's word and nobody else's.
type serviceClock struct {
	mu          sync.Mutex
	said, heard time.Time
}

func (c *serviceClock) note(micro int64) {
	if micro <= 0 {
		return // a service of before says none
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said, c.heard = time.UnixMicro(micro), time.Now()
}

// ServiceTime is what the service's clock shows at least, by what it said last and the
// time that passed here since; ok is false before it said anything. It is never ahead
// of that clock: an answer takes time to arrive, and a machine that slept counts no
// time.
func (c *Client) ServiceTime() (at time.Time, ok bool) {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	if c.clock.heard.IsZero() {
		return time.Time{}, false
	}
	return c.clock.said.Add(time.Since(c.clock.heard)), true
}
