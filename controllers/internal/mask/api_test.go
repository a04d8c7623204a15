package mask

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

	"github.com/bulla-dev/bulla/controllers/internal/inventory"
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
	id := inventory.ID{Kind: "Secret", Namespace: "ns", Name: "db"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := APIError(id, fmt.Errorf("apply: %w", test.err))
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
	if APIError(id, nil) != nil {
		t.Error("no error became one")
	}
}

func TestAMaskedErrorSaysEverythingThatIsNotAValue(t *testing.T) {
	const value = "hunter2"
	id := inventory.ID{Kind: "Secret", Namespace: "ns", Name: "db"}
	data := field.NewPath("data")
	denied := func(reason metav1.StatusReason, code int32, message string, causes ...metav1.StatusCause) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Reason: reason, Code: code, Message: message, Details: &metav1.StatusDetails{Causes: causes},
		}}
	}
	tests := map[string]struct {
		err  error
		want []string
	}{
		"rules of fields": {
			apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, "db", field.ErrorList{
				field.Required(data.Key("tls.key"), value), field.Invalid(data.Key("password"), value, value), field.TooLong(data, value, 1),
				field.Forbidden(field.NewPath("type"), value), field.Invalid(field.NewPath("metadata", "labels"), value, value),
			}),
			[]string{"data[tls.key] is required", "data[password] is invalid", "data is too long", "type may not be set or changed", "metadata.labels is invalid"},
		},
		"a namespace that goes": {
			denied(metav1.StatusReasonForbidden, 403, value, metav1.StatusCause{Type: "NamespaceTerminating", Field: "metadata.namespace", Message: value}),
			[]string{"metadata.namespace is being deleted"},
		},
		"another manager's key": {
			denied(metav1.StatusReasonConflict, 409, value, metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict, Field: ".data.password", Message: value}),
			[]string{"data[password] belongs to another field manager"},
		},
		"a webhook that gives no reason": {
			denied("", 403, `admission webhook "no.example.com" denied the request: `+value),
			[]string{"refused it (HTTP status 403)", "admission webhook no.example.com"},
		},
		"a webhook that does not answer": {
			denied(metav1.StatusReasonInternalError, 500, `Internal error occurred: failed calling webhook "no.example.com": `+value),
			[]string{"no answer of admission webhook no.example.com"},
		},
		"a policy": {
			denied(metav1.StatusReasonForbidden, 403, `secrets "db" is forbidden: ValidatingAdmissionPolicy 'weak' with binding 'all' denied request: `+value),
			[]string{"ValidatingAdmissionPolicy weak"},
		},
		"values where fields, rules and names belong": {
			denied(value, 422, value+` admission webhook "`+value+`" denied the request`,
				metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "data[password]: " + value},
				metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: value},
				metav1.StatusCause{Type: value, Field: "data[password]"}),
			[]string{"refused it (HTTP status 422)"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("%v %#v", APIError(id, test.err, "password"), APIError(id, test.err, "password"))
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in %s", want, text)
				}
			}
			if strings.Contains(text, value) {
				t.Errorf("the value passes: %s", text)
			}
		})
	}
}
