package git

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bulla-dev/bulla/kustomize/tree"
)

// partialFile, in a store's folder, says that not every object that is named in
// the store is in it. Its lines are "files", which the remote was asked to leave
// out by their size; a hash, of what was left out here; and "unknown", when what
// was left out here could not be told.
const partialFile = "partial"

const (
	partialFiles   = "files"
	partialUnknown = "unknown"
)

// partial is what a store may lack without being damaged.
type partial struct {
	path string

	mu    sync.Mutex
	lines map[string]bool // nil until read
}

// note writes down what will be missing, before anything is stored on the
// strength of it.
func (p *partial) note(lines ...string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read()
	var fresh []string
	for _, line := range lines {
		if !p.lines[line] {
			fresh = append(fresh, line+"\n")
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	file, err := os.OpenFile(p.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note what is left out: %w", err)
	}
	_, err = file.WriteString(strings.Join(fresh, ""))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("note what is left out: %w", err)
	}
	for _, line := range lines {
		p.lines[line] = true
	}
	return nil
}

// lacks says whether a missing object was left out: any file, once the remote
// was asked to leave some out, and otherwise only what is written down.
func (p *partial) lacks(h tree.Hash, isFile bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read()
	return p.lines[h.String()] || p.lines[partialUnknown] || isFile && p.lines[partialFiles]
}

func (p *partial) read() {
	if p.lines != nil {
		return
	}
	p.lines = map[string]bool{}
	file, err := os.Open(filepath.Clean(p.path))
	if err != nil {
		return // nothing may be missing then: a store that lacks a thing is fetched again
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		p.lines[lines.Text()] = true
	}
}
