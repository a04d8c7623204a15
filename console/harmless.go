package console

import (
	"io"
	"net/http"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// harmlessWriter escapes what turns text around or is not seen, in the whole page: templates
// escape HTML, and a name with U+202E in it is none.
type harmlessWriter struct {
	http.ResponseWriter

	to io.Writer
}

func harmless(w http.ResponseWriter) http.ResponseWriter {
	return harmlessWriter{w, printable.Writer(w)}
}

func (w harmlessWriter) Write(p []byte) (int, error) { return w.to.Write(p) }
