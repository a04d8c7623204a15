package values

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// least is how long a value must be to be looked for: shorter ones occur anywhere.
const least = 8

// deep is how often a text may be quoted within another.
const deep = 4

// isCopy reports whether a mark keeps a whole Secret, as kubectl and its like do: its
// short values would not be found by [Set.shows].
func isCopy(key, text string) bool {
	return strings.Contains(strings.ToLower(key), "last-applied") ||
		slices.ContainsFunc(spellings(text), func(one string) bool {
			return strings.Contains(one, "stringData:") || strings.Contains(one, "kind:Secret")
		})
}

// shows reports whether a public text holds one of the values: other tools keep
// whole objects in annotations, in JSON or YAML, also quoted once more.
func (set Set) shows(text string) bool {
	all := spellings(text)
	for _, value := range set {
		for _, looked := range looks(value) {
			if slices.ContainsFunc(all, func(one string) bool { return strings.Contains(one, looked) }) {
				return true
			}
		}
	}
	return false
}

// looks are what a value is in a folded text: itself, or in base64.
func looks(value []byte) []string {
	var all []string
	line := strings.TrimSpace(string(value))
	if folded := fold(line); len(folded) >= least {
		all = append(all, folded)
	}
	if len(line) < least {
		return all
	}
	for _, whole := range []string{string(value), line} {
		// The last bytes depend on what follows and on padding.
		whole := []byte(whole[:len(whole)/3*3])
		all = append(all, base64.StdEncoding.EncodeToString(whole), base64.URLEncoding.EncodeToString(whole))
	}
	return all
}

// spellings are a text folded, as it is and with each layer of quotes taken off.
func spellings(text string) []string {
	all := []string{fold(text)}
	for range deep {
		next := unescape(text)
		if next == text {
			break
		}
		text = next
		all = append(all, fold(text))
	}
	return all
}

// fold drops what a quoting or an indentation adds.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune(`\'"`, r) {
			return -1
		}
		return r
	}, text)
}

// unescape reads the escapes of JSON, wherever they stand: the text around them need
// not be JSON, and a bad escape hides nothing that stands after it.
func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 'n', 't', 'r', 'b', 'f':
			b.WriteByte(map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f'}[text[i]])
		case 'u':
			if r, ok := unit(text[i+1:]); ok {
				b.WriteRune(r)
				i += 4
				continue
			}
			b.WriteString(`\u`)
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// unit is the character of four hexadecimal digits.
func unit(text string) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}
