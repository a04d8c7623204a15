package proposal

import (
	"bytes"
	"strings"
	"sync"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

// output is what git writes. It is locked: a helper that outlives git may still write.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}

// saying keeps the beginning of what git says, and tells its progress.
type saying struct {
	mu       sync.Mutex
	kept     strings.Builder
	line     []byte
	over     bool // the line is about to be written over
	progress func(string)
}

// Write implements [io.Writer].
func (s *saying) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range p {
		if s.over && b != '\n' { // ssh ends its lines with both
			s.end(false)
		}
		s.over = b == '\r'
		switch {
		case s.over:
		case b == '\n':
			s.end(true)
		case len(s.line) < mostSaid:
			s.line = append(s.line, b)
		}
	}
	return len(p), nil
}

// end is that of a line; one that is written over is progress.
func (s *saying) end(stays bool) {
	line := strings.TrimSpace(string(s.line))
	s.line = s.line[:0]
	if line == "" {
		return
	}
	if s.progress != nil {
		s.progress(printable.Line(withoutCredentials(line), mostTitle))
	}
	if stays && s.kept.Len()+len(line) < mostSaid {
		s.kept.WriteString(line + "\n")
	}
}

func (s *saying) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(true)
	return strings.TrimSpace(s.kept.String())
}
