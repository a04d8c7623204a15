package loop

import (
	"errors"
	"fmt"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
)

// Intent is what a loop does about the end of a pass.
type Intent int

const (
	// Stall is for what trying again does not change: a person must act, in Git or in the
	// cluster. The loop goes on looking all the same, because that act may be a
	// commit.
	Stall Intent = iota
	// Retry is for what may succeed later. It is tried again, with back-off and jitter.
	Retry
	// Progress is for what is not wrong, and takes time.
	Progress
)

// Error is why a pass ended early. It carries what the loop does about it, so
// that no text is ever compared. It names objects, stubs and codes, never values.
type Error struct {
	Intent Intent
	// Reason becomes the reason of the Ready condition.
	Reason string
	// Message is for people.
	Message string
	// After is the soonest that a retry may succeed; zero for the usual back-off.
	After time.Duration
	// InUse: what Git dropped stays because somebody names it. Nothing else of the
	// pass waits for that.
	InUse bool
	// Stale: the key service stands at another head. The FleetSync has been asked to
	// look already.
	Stale bool
	// Err is the cause; it may be nil.
	Err error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable says whether the same may succeed later without a change in Git.
func (e *Error) Retryable() bool { return e.Intent == Retry }

// Stalled ends a pass until somebody acts, or something else happens.
func Stalled(reason, format string, args ...any) *Error {
	return worded(Stall, reason, fmt.Errorf(format, args...))
}

// Waiting ends a pass; the same is tried again.
func Waiting(reason, format string, args ...any) *Error {
	return worded(Retry, reason, fmt.Errorf(format, args...))
}

// Progressing ends a pass that comes back by itself.
func Progressing(format string, args ...any) *Error {
	return worded(Progress, meta.ProgressingReason, fmt.Errorf(format, args...))
}

func worded(intent Intent, reason string, err error) *Error {
	return &Error{Intent: intent, Reason: reason, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Failed ends a pass with the text of its cause.
func Failed(intent Intent, reason string, err error) *Error {
	return &Error{Intent: intent, Reason: reason, Message: err.Error(), Err: err}
}

// End is an error's intent. One that has none is the API server's: it is tried
// again, under the reason that the caller gives.
func End(err error, reason string) *Error {
	var ended *Error
	if errors.As(err, &ended) {
		return ended
	}
	return Failed(Retry, reason, err)
}

// Together is one result of two: the reason of the first that is wrong, and what
// both say.
func Together(a, b error) error {
	var one, other *Error
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case !errors.As(a, &one) || !errors.As(b, &other):
		return errors.Join(a, b)
	}
	if one.Intent == Progress && other.Intent != Progress {
		one, other = other, one
	}
	both := *one
	both.Message = one.Message + "; " + other.Message
	return &both
}
