package heads

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bulla-dev/bulla/keyservice/config"
	"github.com/bulla-dev/bulla/kustomize/follow"
	"github.com/bulla-dev/bulla/kustomize/source"
)

// refGone says of a remote without the configured ref what to look at.
func refGone(err error, ref string) error {
	if errors.Is(err, source.ErrTagGone) {
		return fmt.Errorf("%w; hint: `git ls-remote --tags URL` lists what repository.tag or repository.semver may mean", err)
	}
	if errors.Is(err, source.ErrRefGone) {
		return fmt.Errorf("%w: %q; hint: %s", err, ref, config.RefHint)
	}
	return err
}

// refusalTold is how long one refused head is not told again: it is looked at
// every interval, and a log that says one thing a thousand times hides the rest.
const refusalTold = time.Hour

// toldRefusal remembers the refusal that was logged last.
type toldRefusal struct {
	mu   sync.Mutex
	text string
	at   time.Time
}

// again says whether a failed look is to be logged: always, but for the refusal
// of a head that was logged with the same words within the hour.
func (t *toldRefusal) again(err error, now time.Time) bool {
	if !errors.As(err, new(*follow.Refusal)) {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now.Sub(t.at); err.Error() == t.text && since >= 0 && since < refusalTold {
		return false
	}
	t.text, t.at = err.Error(), now
	return true
}
