package built

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	apinames "k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// Refused is a built object that is not taken, and why.
type Refused struct {
	ID      ObjectID
	Problem string
	// File is at fault, if that is known; Stub is whose object was changed.
	File string
	Stub *Stub
	// Key is the name of the field at fault, if a file would spell it.
	Key string
	// Plaintext: it is a Secret that nobody sealed.
	Plaintext bool
}

func (e *Refused) Error() string {
	name := e.ID.Name
	if !IsName(name) {
		name = fmt.Sprintf("%.60q", name)
	}
	if e.ID.Namespace != "" {
		name = e.ID.Namespace + "/" + name
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s: %s", e.ID.Kind, name, e.Problem))
}

// IsName is what every API server holds names to, whatever the kind, and a bound:
// names go into logs and databases, and kustomize makes them of any length.
func IsName(name string) bool {
	const longest = 253 // a DNS-1123 subdomain
	return len(name) <= longest && len(apinames.IsPathSegmentName(name)) == 0 && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, printable.IsControl)
}

// Refusals takes the refused objects out of joined errors; none if there is
// another error among them.
func Refusals(err error) []*Refused {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Refused
		for _, e := range joined.Unwrap() {
			more := Refusals(e)
			if len(more) == 0 {
				return nil
			}
			all = append(all, more...)
		}
		return all
	}
	var refused *Refused
	if errors.As(err, &refused) {
		return []*Refused{refused}
	}
	return nil
}
