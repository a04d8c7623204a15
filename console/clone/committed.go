package clone

import "time"

// Committed is when a commit was made, by its committer's clock; the zero time for one that
// the clone does not have.
func (c *Clone) Committed(commit string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.git.Committed(commit)
}
