package controllers

import (
	"errors"
	"fmt"
	"net"
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

// steady is a network failure without what differs from one try to the next
// (our own port, a resolver's transaction), so that a remote which stays down
// is one status, not a write for every try. Other errors stay as they are.
func steady(err error) error {
	var operation *net.OpError
	if !errors.As(err, &operation) {
		return err
	}
	where := ""
	if operation.Addr != nil {
		where = " " + operation.Addr.String()
	}
	var lookup *net.DNSError
	if errors.As(operation.Err, &lookup) {
		return fmt.Errorf("look up host %q failed", lookup.Name)
	}
	return fmt.Errorf("%s %s%s: %w", operation.Op, operation.Net, where, operation.Err)
}
