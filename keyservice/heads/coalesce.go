package heads

import (
	"context"
	"sync"
)

// coalescer runs one thing at a time for many who want it. Who asks while a run
// is under way shares the next run, not this one: this one may have looked
// before what they know of happened.
type coalescer struct {
	run func() error

	mu      sync.Mutex
	running bool
	next    *round
}

type round struct {
	done chan struct{}
	err  error
}

// do returns the result of a run that began after the call. A caller that
// leaves does not stop the run.
func (c *coalescer) do(ctx context.Context) error {
	c.mu.Lock()
	if c.next == nil {
		c.next = &round{done: make(chan struct{})}
	}
	mine := c.next
	if !c.running {
		c.running = true
		go c.loop()
	}
	c.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *coalescer) loop() {
	for {
		c.mu.Lock()
		current := c.next
		c.next = nil
		if current == nil {
			c.running = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		current.err = c.run()
		close(current.done)
	}
}
