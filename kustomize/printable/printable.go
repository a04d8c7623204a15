// Package printable makes texts of strangers safe to show. A file name, an error or
// a commit message of a branch under review may hold escape sequences that rewrite
// what a terminal shows, or bidirectional controls that reorder it; here they stand
// as \u001b and \u202e, which is also how JSON writes them.
//
// It belongs in what writes ([Writer], the messages of conditions and events), not
// in each call that makes a text: one that is forgotten is enough.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text escapes control characters but newline and tab, line and paragraph
// separators, bidirectional controls, and bytes that are no UTF-8.
func Text(s string) string { return escape(s, harmful) }

// Name is Text for a name, of a file or whatever stands in a line beside others: it
// escapes all that is not seen as what it is, a newline and a joiner too.
func Name(s string) string { return escape(s, func(r rune) bool { return !unicode.IsPrint(r) }) }

func escape(s string, harmful func(rune) bool) string {
	if strings.IndexFunc(s, harmful) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case harmful(r):
			b.WriteString(escaped(r))
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// escaped spells a character as JSON does.
func escaped(r rune) string {
	if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// harmful says what a terminal would act on.
func harmful(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp))
}
