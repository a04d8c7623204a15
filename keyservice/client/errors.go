package client

import (
	"context"
	"errors"
	"fmt"

	"connectrpc.com/connect"
)

// ErrUnavailable matches, with errors.Is, every failure after which the caller
// keeps what it has and tries again later.
var ErrUnavailable = errors.New("key service unavailable")

// UnavailableError is the type behind [ErrUnavailable].
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return fmt.Sprintf("%v: %v", ErrUnavailable, e.Err) }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrUnavailable) true.
func (e *UnavailableError) Is(target error) bool { return target == ErrUnavailable }

// DeniedError is a refusal of the whole request.
type DeniedError struct {
	// Reason is one of keyservicev1's Reason constants.
	Reason string
}

func (e *DeniedError) Error() string { return "key service refused the request: " + e.Reason }

// classify turns what connect returns into one of the two types above.
func classify(err error) error {
	var answer *connect.Error
	if !errors.As(err, &answer) {
		return &UnavailableError{Err: err}
	}
	switch answer.Code() {
	case connect.CodePermissionDenied, connect.CodeUnauthenticated,
		connect.CodeInvalidArgument, connect.CodeNotFound, connect.CodeFailedPrecondition:
		// Only the service's own word counts: a proxy's 403 must not look like
		// a decision.
		if connect.IsWireError(err) {
			return &DeniedError{Reason: answer.Message()}
		}
	case connect.CodeCanceled:
		return fmt.Errorf("ask key service: %w", context.Canceled)
	}
	return &UnavailableError{Err: err}
}
