package apply

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaskedError is what may be said about a request for a sealed object that
// failed. It holds nothing that the API server wrote.
type MaskedError struct {
	// Object is named as [Describe] does.
	Object string
	// Reason is the API's reason, "" when there was no answer.
	Reason metav1.StatusReason
	// Code is the HTTP status, 0 when there was no answer.
	Code int32
	// ctx is context.Canceled or context.DeadlineExceeded, or nil.
	ctx error
}

func (e *MaskedError) Error() string {
	return fmt.Sprintf("%s: %s", e.Object, maskedText(e.Reason, e.ctx))
}

// Unwrap gives a context's error and nothing else.
func (e *MaskedError) Unwrap() error { return e.ctx }

// Status lets the functions of apierrors see the reason.
func (e *MaskedError) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: e.Code, Reason: e.Reason}
}

// MaskAPIError maps the error of a request that carried, or answered with, an
// object built from a stub to its reason. The API server quotes what it does
// not like (".data.PIN: expected string, got 918273645"), and so do admission
// webhooks: none of their text may reach a status, an event or a log.
func MaskAPIError(id ID, err error) error {
	if err == nil {
		return nil
	}
	masked := &MaskedError{Object: Describe(id)}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			masked.ctx = cause
		}
	}
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		masked.Reason, masked.Code = knownReason(status.Status().Reason), status.Status().Code
	case meta.IsNoMatchError(err):
		masked.Reason = metav1.StatusReasonNotFound
	}
	return masked
}

// reasonTexts are sentences for the reasons that a person can act on.
var reasonTexts = map[metav1.StatusReason]string{
	metav1.StatusReasonInvalid:               "the API server finds it invalid (Invalid); its text is withheld, because it may quote a value",
	metav1.StatusReasonBadRequest:            "the API server cannot read it (BadRequest); its text is withheld, because it may quote a value",
	metav1.StatusReasonForbidden:             "not allowed, or refused by admission (Forbidden)",
	metav1.StatusReasonUnauthorized:          "not authenticated (Unauthorized)",
	metav1.StatusReasonConflict:              "it was changed meanwhile, or another field manager owns a field (Conflict)",
	metav1.StatusReasonNotFound:              "its namespace or kind does not exist (NotFound)",
	metav1.StatusReasonRequestEntityTooLarge: "it is too large (RequestEntityTooLarge)",
	metav1.StatusReasonTooManyRequests:       "the API server is busy (TooManyRequests)",
	metav1.StatusReasonInternalError:         "the API server or a webhook failed (InternalError)",
	metav1.StatusReasonServerTimeout:         "the API server timed out (ServerTimeout)",
	metav1.StatusReasonTimeout:               "the API server timed out (Timeout)",
	metav1.StatusReasonServiceUnavailable:    "the API server is unavailable (ServiceUnavailable)",
	metav1.StatusReasonGone:                  "it is gone (Gone)",
	metav1.StatusReasonAlreadyExists:         "it exists already (AlreadyExists)",
	metav1.StatusReasonMethodNotAllowed:      "the API server does not allow this (MethodNotAllowed)",
}

// knownReason keeps a reason only if it is one of Kubernetes' own: a webhook
// chooses this text too.
func knownReason(reason metav1.StatusReason) metav1.StatusReason {
	if _, ok := reasonTexts[reason]; ok {
		return reason
	}
	return metav1.StatusReasonUnknown
}

func maskedText(reason metav1.StatusReason, ctx error) string {
	if text, ok := reasonTexts[reason]; ok {
		return text
	}
	if ctx != nil {
		return ctx.Error()
	}
	return "the request failed, or the API server could not be reached"
}
