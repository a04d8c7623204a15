package git

import (
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Committed is when a commit was made, by its committer's clock: whoever made it chose it.
// It is the zero time for a commit that the clone does not have.
func (c *Clone) Committed(commit string) time.Time {
	c.objects.mu.Lock() // of one storage with the repository
	defer c.objects.mu.Unlock()
	found, err := c.repo.CommitObject(plumbing.NewHash(commit))
	if err != nil {
		return time.Time{}
	}
	return found.Committer.When
}
