package protocol

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameForm is a name as Kubernetes has it, bounded.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// IsName says whether a text may name a cluster or a placement.
func IsName(text string) bool { return nameForm.MatchString(text) }

// TextProblem holds what people will read to one printable line: what a stranger
// wrote must not move the cursor, or turn the direction of what follows.
func TextProblem(field, text string, least, most int) (problem string) {
	switch {
	case len(text) < least || len(text) > most:
		return fmt.Sprintf("%s is not %d to %d bytes", field, least, most)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return field + " has characters that do not print"
	}
	return ""
}
