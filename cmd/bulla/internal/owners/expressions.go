package owners

import (
	"regexp"
	"slices"
	"strings"
)

// expression is a line of Gitea's and Forgejo's: whose owners are asked for paths that
// match, or, after a "!", for those that do not. All lines count.
type expression struct {
	*regexp.Regexp
	not bool
}

func readExpressions(data []byte) []expression {
	var all []expression
	for line := range strings.Lines(string(data)) {
		words := wordsOf(line)
		if len(words) < 2 || !slices.ContainsFunc(words[1:], func(s string) bool { return IsOwner(s) && s != Placeholder }) {
			continue
		}
		text, not := strings.CutPrefix(words[0], "!")
		if re, err := regexp.Compile("^" + text + "$"); err == nil {
			all = append(all, expression{re, not})
		}
	}
	return all
}

// wordsOf takes a line apart as TokenizeCodeOwnersLine does: a backslash is before a
// character that stands for itself, and a # ends the line anywhere.
func wordsOf(line string) []string {
	var words []string
	var word strings.Builder
	escaped := false
	end := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for _, r := range strings.TrimSpace(line) {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == '#':
			end()
			return words
		case r == ' ', r == '\t':
			end()
		default:
			word.WriteRune(r)
		}
	}
	end()
	return words
}

func ownedByExpression(all []expression, file string) bool {
	return slices.ContainsFunc(all, func(e expression) bool { return e.MatchString(file) != e.not })
}
