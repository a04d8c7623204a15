package mask

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
)

// MaskedError is what may be said about a request for a sealed object that
// failed. It holds nothing that the API server wrote, but for names that are known
// to be no values.
type MaskedError struct {
	// Object is named as [inventory.Describe] does.
	Object string
	// Reason is the API's reason, "" when there was no answer.
	Reason metav1.StatusReason
	// Code is the HTTP status, 0 when there was no answer.
	Code int32
	// Details say what is wrong with which field, and who refused it.
	Details []string
	// ctx is context.Canceled or context.DeadlineExceeded, or nil.
	ctx error
}

func (e *MaskedError) Error() string {
	text := maskedText(e.Reason, e.Code, e.ctx)
	if len(e.Details) > 0 {
		text += ": " + strings.Join(e.Details, ", ")
	}
	if withheld[e.Reason] {
		text += "; its text is withheld, because it may quote a value"
	}
	return fmt.Sprintf("%s: %s", e.Object, text)
}

// Unwrap gives a context's error and nothing else.
func (e *MaskedError) Unwrap() error { return e.ctx }

// Status lets the functions of apierrors see the reason.
func (e *MaskedError) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: e.Code, Reason: e.Reason}
}

// APIError maps the error of a request that carried, or answered with, an
// object built from a stub to its reason. The API server quotes what it does
// not like (".data.PIN: expected string, got 918273645"), and so do admission
// webhooks: none of their text may reach a status, an event or a log. keys are
// those of the object's data, which stand in Git and may be named.
func APIError(id inventory.ID, err error, keys ...string) error {
	if err == nil {
		return nil
	}
	masked := &MaskedError{Object: inventory.Describe(id)}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			masked.ctx = cause
		}
	}
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		masked.Reason, masked.Code = knownReason(status.Status().Reason), status.Status().Code
		masked.Details = details(id, status.Status(), keys)
	case meta.IsNoMatchError(err):
		masked.Reason = metav1.StatusReasonNotFound
	}
	return masked
}

// reasonTexts are sentences for the reasons that a person can act on.
var reasonTexts = map[metav1.StatusReason]string{
	metav1.StatusReasonInvalid:               "the API server finds it invalid (Invalid)",
	metav1.StatusReasonBadRequest:            "the API server cannot read it (BadRequest)",
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

// withheld are the reasons whose text would help, and may quote a value.
var withheld = map[metav1.StatusReason]bool{
	metav1.StatusReasonInvalid: true, metav1.StatusReasonBadRequest: true, metav1.StatusReasonUnknown: true,
}

func maskedText(reason metav1.StatusReason, code int32, ctx error) string {
	if text, ok := reasonTexts[reason]; ok {
		return text
	}
	if code != 0 {
		return fmt.Sprintf("the API server, or an admission webhook, refused it (HTTP status %d)", code)
	}
	if ctx != nil {
		return ctx.Error()
	}
	return "the request failed, or the API server could not be reached"
}
