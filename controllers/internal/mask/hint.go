package mask

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/bulla-dev/bulla/api/manual"
)

// hints are what to do about errors of the API server whose text does not say.
var hints = []struct{ in, hint string }{
	{"conversion webhook for", "the webhook that converts this kind between its versions does not answer: " +
		"look at spec.conversion of its CustomResourceDefinition, and at what runs behind it"},
	{"failed to convert", "the API server cannot convert this kind between its versions: " +
		"look at spec.conversion of its CustomResourceDefinition"},
	{"the server is currently unable to handle the request", "what serves this kind does not answer: " +
		"where a server beside the API server has it, `kubectl get apiservices` says which and why"},
	{"failed to create typed patch object", "a field has another type than its kind gives it, or is not one of its kind: correct it in Git"},
	{"cannot be handled as a", "a field has another type than its kind gives it: correct it in Git; numbers and booleans in quotes are strings"},
}

// lacksRight is how RBAC refuses. An admission plugin says "forbidden" too, and knows why.
var lacksRight = regexp.MustCompile(`" cannot [a-z]+ resource "([a-z]+)`)

// Hinted adds what to do to an error about an object that is not sealed.
func Hinted(err error) error {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return fmt.Errorf("%w; hint: its namespace is being deleted: it is made anew once that is over, "+
			"and if it is not, look for finalizers in the namespace", err)
	}
	if lacks := lacksRight.FindStringSubmatch(err.Error()); lacks != nil && apierrors.IsForbidden(err) {
		hint := "give that account the right"
		if lacks[1] == "namespaces" {
			hint = "take the Namespace out of Git and make it beforehand, with the account in it, or " + hint
		}
		return fmt.Errorf("%w; hint: %s: %s", err, hint, manual.At+"operations/accounts.md")
	}
	for _, known := range hints {
		if strings.Contains(err.Error(), known.in) {
			return fmt.Errorf("%w; hint: %s", err, known.hint)
		}
	}
	return err
}
