package apply

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// longestSentence is how much of an API server's text is passed on: it may hold
// the dump of a whole object, and a status is read by people.
const longestSentence = 400

// plainError says what an API server answered about an object that holds no
// sealed value, in one sentence: each cause by field, without the value that the
// server dumps.
type plainError struct{ err error }

func (e *plainError) Error() string { return sentence(e.err) }

// Unwrap lets the functions of apierrors see the cause.
func (e *plainError) Unwrap() error { return e.err }

func sentence(err error) string {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return shorten(err.Error())
	}
	status := answer.Status()
	if status.Reason == metav1.StatusReasonInvalid && status.Details != nil && len(status.Details.Causes) > 0 {
		return shorten(causes(status.Details.Causes))
	}
	return shorten(status.Message)
}

func causes(list []metav1.StatusCause) string {
	var parts []string
	said := map[string]bool{}
	for _, cause := range list {
		text := undumped(cause.Message)
		if cause.Field != "" && cause.Field != "<nil>" {
			text = cause.Field + ": " + text
		}
		if !said[text] {
			said[text] = true
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "; ")
}

// dump is how Kubernetes quotes a value that it does not like.
var dump = regexp.MustCompile(`(?s)^(?:Invalid|Unsupported|Duplicate) value: (?:\{.*\}|.{120,}|[\w./]+\{.*\}): `)

// undumped takes a structure, or a value too long to read, out of a cause.
func undumped(text string) string { return dump.ReplaceAllString(text, "") }

func shorten(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longestSentence {
		return fmt.Sprintf("%s… (%d characters more)", string(runes[:longestSentence]), len(runes)-longestSentence)
	}
	return text
}

// unchangeable are the ways in which API servers say that a field keeps its
// value for as long as the object lives.
var unchangeable = regexp.MustCompile(`immutable|updates to statefulset spec|cannot change roleRef|may not change once set|is not mutable|may not be changed|may not update fields`)

// immutableFields names the fields that err says cannot change, "" when it does
// not say that.
func immutableFields(err error) string {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return ""
	}
	status := answer.Status()
	var fields []string
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if unchangeable.MatchString(cause.Message) && cause.Field != "" {
				fields = append(fields, cause.Field)
			}
		}
	}
	if len(fields) == 0 && unchangeable.MatchString(status.Message) {
		return "a field"
	}
	return strings.Join(fields, ", ")
}
