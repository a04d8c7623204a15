package value

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// LineError is about one line of a .env file, and shows nothing of it.
type LineError struct {
	Line          int
	Problem, Hint string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d %s", e.Line, e.Problem) }

// ErrNotText is of a .env file that is no text.
var ErrNotText = errors.New("the file is not UTF-8 text")

// Env reads the lines KEY=VALUE of a .env file, as kubectl reads them: empty lines and
// lines that begin with # are passed over, quotes are part of a value, and a value may be
// empty. A line end of Windows is no part of a value. The error is [ErrNotText] or a
// [LineError].
func Env(text []byte) (map[string][]byte, error) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if !utf8.Valid(text) {
		return nil, ErrNotText
	}
	all := map[string][]byte{}
	number, above := 0, ""
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		_, twice := all[key]
		switch {
		case strings.HasPrefix(key, "export "):
			return nil, &LineError{number, "is a line of a shell script", "take the word export out"}
		case !ok:
			return nil, &LineError{number, "has no =", "write KEY=VALUE"}
		case !isVariable(key):
			// The key is not quoted: it may be a piece of a value of several lines.
			return nil, &LineError{number, "has no name of a variable before its =",
				"write KEY=VALUE, each value on one line"}
		case isRest(above, line):
			return nil, &LineError{number, "looks like the rest of the value above it, cut by base64",
				"write KEY=VALUE, each value on one line: base64 -w0"}
		case twice:
			return nil, &LineError{number, "has a name that stands above already", "give each name once"}
		}
		all[key], above = []byte(value), value
	}
	return all, nil
}

// isRest says of a line that it is the last of a value that base64(1) or openssl(1) cut: what
// stands before its padding would be taken for a name, which everybody reads.
func isRest(above, line string) bool {
	const (
		letters          = lower + upper + digits
		mime, pemEncoded = 76, 64 // characters a line: base64(1) and RFC 2045 section 6.8, RFC 7468 section 2
	)
	if len(above) != mime && len(above) != pemEncoded || strings.Trim(above, letters+"+/-_") != "" {
		return false
	}
	// Names have small letters or digits seldom, and the hex of a key has no large ones.
	rest := strings.TrimRight(line, "=")
	return len(line)%4 == 0 && len(line)-len(rest) <= 2 && strings.ContainsAny(above, upper) &&
		strings.ContainsAny(above, lower) && strings.ContainsAny(rest, lower)
}

// isVariable: letters, digits, '_', '-' and '.', no digit first, as Kubernetes has it.
func isVariable(name string) bool {
	const first = lower + upper + "_-."
	if name == "" || name == "." || strings.HasPrefix(name, "..") || !strings.ContainsRune(first, rune(name[0])) {
		return false
	}
	return strings.Trim(name, first+digits) == ""
}
