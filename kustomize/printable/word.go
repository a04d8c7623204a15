package printable

import (
	"strings"
	"unicode"
)

// Word is a text as one word of a shell's command line. What a hint says is pasted:
// folders have spaces in their names, and a branch under review may have a file called
// "$(curl …).yaml".
func Word(text string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:=@%+,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
