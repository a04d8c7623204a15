package printable

import (
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// writer is [Text] on the way to another writer.
type writer struct {
	mu sync.Mutex
	to io.Writer
	// rest is the beginning of a character that the next write completes.
	rest []byte
}

// Writer returns a writer that shows [Text] of what is written to it.
func Writer(to io.Writer) io.Writer { return &writer{to: to} }

// Product is the writer for bytes that are themselves what was asked for, and must
// arrive unchanged: that behind a [Writer], unless it is a terminal.
func Product(w io.Writer) io.Writer {
	escaped, ok := w.(*writer)
	if !ok {
		return w
	}
	if file, ok := escaped.to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return w
	}
	return escaped.to
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.rest, p...)
	whole := len(text) - unfinished(text)
	w.rest = append([]byte(nil), text[whole:]...)
	if whole == 0 {
		return len(p), nil
	}
	if _, err := io.WriteString(w.to, Text(string(text[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unfinished is how many bytes at the end may be the beginning of a character.
func unfinished(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			break
		}
	}
	return 0
}
