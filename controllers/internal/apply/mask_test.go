package apply

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestEveryErrorIsMappedToAReasonAndItsTextWithheld(t *testing.T) {
	const value = "hunter2"
	secrets := schema.GroupResource{Resource: "secrets"}
	tests := map[string]struct {
		err    error
		reason metav1.StatusReason
	}{
		"invalid":     {apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db", field.ErrorList{field.Invalid(field.NewPath("data"), value, value)}), metav1.StatusReasonInvalid},
		"bad request": {apierrors.NewBadRequest("expected string, got " + value), metav1.StatusReasonBadRequest},
		"forbidden":   {apierrors.NewForbidden(secrets, "db", errors.New(value)), metav1.StatusReasonForbidden},
		"conflict":    {apierrors.NewConflict(secrets, value, errors.New(value)), metav1.StatusReasonConflict},
		"internal":    {apierrors.NewInternalError(errors.New(value)), metav1.StatusReasonInternalError},
		"a reason of a webhook's own": {
			&apierrors.StatusError{ErrStatus: metav1.Status{Reason: value, Message: value, Code: 418}}, metav1.StatusReasonUnknown,
		},
		"no kind":        {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: value}}, metav1.StatusReasonNotFound},
		"no answer":      {&url.Error{Op: "Patch", URL: "https://" + value, Err: errors.New(value)}, ""},
		"a dead context": {fmt.Errorf("%s: %w", value, context.DeadlineExceeded), ""},
	}
	id := ID{Kind: "Secret", Namespace: "ns", Name: "db"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := MaskAPIError(id, fmt.Errorf("apply: %w", test.err))
			var masked *MaskedError
			if !errors.As(err, &masked) {
				t.Fatalf("got a %T", err)
			}
			if masked.Reason != test.reason {
				t.Errorf("reason %q, want %q", masked.Reason, test.reason)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
				if strings.Contains(text, value) {
					t.Errorf("the text passes: %s", text)
				}
			}
			if !strings.Contains(err.Error(), "Secret ns/db") {
				t.Errorf("the object is not named: %s", err)
			}
			if errors.Is(test.err, context.DeadlineExceeded) != errors.Is(err, context.DeadlineExceeded) {
				t.Error("a dead context is not told apart")
			}
		})
	}
	if MaskAPIError(id, nil) != nil {
		t.Error("no error became one")
	}
}
