package value

import (
	"bytes"
	"unicode/utf8"
)

// Notes says what editors and shells added to a value. It is sealed as it is.
func Notes(value []byte) []string {
	var texts []string
	switch {
	case bytes.HasPrefix(value, []byte{0xFF, 0xFE}), bytes.HasPrefix(value, []byte{0xFE, 0xFF}):
		return []string{"is UTF-16 text with a byte order mark, as PowerShell writes files; most programs expect UTF-8"}
	case bytes.HasPrefix(value, []byte{0xEF, 0xBB, 0xBF}):
		texts = append(texts, "begins with a UTF-8 byte order mark")
	}
	if !isText(value) {
		return texts // any two bytes may stand in a keystore
	}
	if bytes.Contains(value, []byte("\r\n")) {
		texts = append(texts, "has line ends of Windows (CR LF)")
	}
	// A certificate ends with a line end, and should.
	if line, ok := bytes.CutSuffix(value, []byte("\n")); ok && !bytes.ContainsRune(line, '\n') {
		texts = append(texts, "is one line that ends with a newline; `printf %s` and `tr -d '\\n'` leave it out")
	}
	if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[0] == value[n-1] {
		texts = append(texts, "is in quotes, which are part of it")
	}
	return texts
}

// isText: what no editor wrote has no line ends, whatever its bytes.
func isText(value []byte) bool { return utf8.Valid(value) && !bytes.ContainsRune(value, 0) }
