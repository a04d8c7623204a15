package fleetsync

import (
	"errors"
	"fmt"
)

// stepError is why a step of FleetSync ended the pass. It carries what the
// caller does about it, so that no text is ever compared.
type stepError struct {
	// reason becomes the reason of the Ready condition.
	reason string
	// stalled says that trying again changes nothing: a person must act, in Git
	// or in the cluster. The loop goes on looking all the same, because that act
	// may be a commit.
	stalled bool
	message string
	err     error
}

func (e *stepError) Error() string { return e.message }

func (e *stepError) Unwrap() error { return e.err }

// stalled ends the pass until a person acts.
func stalled(reason, format string, args ...any) *stepError {
	wrapped := fmt.Errorf(format, args...)
	return &stepError{reason: reason, stalled: true, message: wrapped.Error(), err: errors.Unwrap(wrapped)}
}

// waiting ends the pass; the same is tried again, with back-off and jitter.
func waiting(reason, format string, args ...any) *stepError {
	wrapped := fmt.Errorf(format, args...)
	return &stepError{reason: reason, message: wrapped.Error(), err: errors.Unwrap(wrapped)}
}
