package printable

import (
	"strings"
	"unicode"
)

// Line makes one line of a text, at most so many bytes, of what prints: for a list,
// or for a service that takes nothing else.
func Line(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"),
		func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) }), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-len("…")], "") + "…"
	}
	return text
}
