package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/bulla-dev/bulla/api/v1alpha1"
	"github.com/bulla-dev/bulla/keyservice/client"
	"github.com/bulla-dev/bulla/keyservice/keyservicev1"
)

// requestError says why a whole request has no answer.
func requestError(err error) error {
	var denied *client.DeniedError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &denied) && (denied.Reason == keyservicev1.ReasonNotInFleet || denied.Reason == keyservicev1.ReasonSuspended):
		// Our head says that we are in: one of the two is behind.
		return &UnsealError{Reason: v1alpha1.NotInFleetReason, Message: denied.Error(), Err: err, Stale: true}
	case errors.As(err, &denied):
		return &UnsealError{Reason: v1alpha1.UnsealDeniedReason, Message: denied.Error(), Err: err}
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return &UnsealError{Reason: v1alpha1.KeyServiceUnavailableReason,
			Message: fmt.Sprintf("the key service does not answer: %v", steady(err)), Err: err}
	}
	return &UnsealError{Reason: v1alpha1.UnsealFailedReason, Message: steady(err).Error(), Err: err}
}

// refusal says why one stub was refused. At another head than ours it may be
// granted when the two meet.
func refusal(n need, code keyservicev1.Refusal, sameHead bool) *UnsealError {
	e := &UnsealError{Reason: v1alpha1.UnsealDeniedReason, Stale: !sameHead}
	switch code {
	case keyservicev1.Refusal_REFUSAL_UNAVAILABLE:
		e.Reason = v1alpha1.KeyServiceUnavailableReason
	case keyservicev1.Refusal_REFUSAL_STALE_REVISION:
		e.Reason, e.Stale = v1alpha1.KeyServiceUnavailableReason, true
	}
	e.Message = fmt.Sprintf("%s: the key service says %s", describe(n), code.Name())
	return e
}

// worse keeps the error that a person must hear of: a final one before one that
// heals, the first among equals.
func worse(a, b *UnsealError) *UnsealError {
	if a == nil || a.Retryable() && !b.Retryable() {
		return b
	}
	return a
}
