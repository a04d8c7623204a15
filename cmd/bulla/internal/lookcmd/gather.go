package lookcmd

import (
	"context"
	"errors"
)

// outputError is of who reads, and not of a pod.
type outputError struct{ error }

// gather waits for all pods. One that is not up, or goes, is when logs are looked for: the
// others go on, and it is an error only if none is left that ended well.
func (a run) gather(ctx context.Context, ended <-chan error, pods int) error {
	var failed []error
	for range pods {
		err := <-ended
		if ctx.Err() != nil {
			return nil // whoever follows has seen enough
		}
		var out *outputError
		if errors.As(err, &out) {
			return out.error // nobody reads any more
		}
		if err != nil {
			failed = append(failed, err)
			if len(failed) < pods {
				a.Warnf("%v", err)
			}
		}
	}
	if len(failed) < pods {
		return nil
	}
	return failed[len(failed)-1]
}
