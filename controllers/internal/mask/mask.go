// Package mask keeps secret values out of what the API server says, and out of
// logs of what it is told.
package mask

import (
	"context"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Error is an API server's error about a write of one of our own Secrets,
// reduced to its reason: the server's texts can quote values.
func Error(err error) error {
	if reason := apierrors.ReasonForError(err); reason != metav1.StatusReasonUnknown {
		return maskedError{reason: string(reason), err: err}
	}
	return err
}

type maskedError struct {
	reason string
	err    error
}

func (e maskedError) Error() string { return "the API server refused it: " + e.reason }

// Unwrap lets apierrors.IsConflict and the like see the cause.
func (e maskedError) Unwrap() error { return e.err }

// Silent takes the logger out of a context for a request or answer with key
// material or credentials: client-go logs whole bodies at level 8.
func Silent(ctx context.Context) context.Context { return logr.NewContext(ctx, logr.Discard()) }
