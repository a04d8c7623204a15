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
	number := 0
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
		case twice:
			return nil, &LineError{number, "has a name that stands above already", "give each name once"}
		}
		all[key] = []byte(value)
	}
	return all, nil
}

// isVariable: letters, digits, '_', '-' and '.', no digit first, as Kubernetes has it.
func isVariable(name string) bool {
	const first = lower + upper + "_-."
	if name == "" || name == "." || strings.HasPrefix(name, "..") || !strings.ContainsRune(first, rune(name[0])) {
		return false
	}
	return strings.Trim(name, first+digits) == ""
}
