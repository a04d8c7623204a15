package auditlog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/keyservice/audit"
)

// Memory keeps the state of a fleet's log that this user saw last, in
// bulla/audit-FLEET.checkpoint in the folder for configuration. A folder that
// cannot be written, as on many a build machine, is told once, and what was seen
// is remembered as long as the process lives.
type Memory struct {
	Path string
	// Warn tells what could not be written.
	Warn func(format string, args ...any)

	mu     sync.Mutex
	signed []byte
}

// NewMemory is the memory beside the store of pinned keys.
func NewMemory(folder, fleet string, warn func(string, ...any)) *Memory {
	return &Memory{Path: filepath.Join(folder, "audit-"+fleet+".checkpoint"), Warn: warn}
}

// Last implements client.Checkpoints.
func (m *Memory) Last(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.signed != nil {
		return m.signed, nil
	}
	file, err := os.Open(m.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, audit.MaxCheckpoint+1)) // one too many is no checkpoint
}

// String says where it is kept.
func (m *Memory) String() string { return m.Path }

// Remember implements client.Checkpoints.
func (m *Memory) Remember(_ context.Context, signed []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := atomicfile.Write(m.Path, signed, 0o600); err != nil && m.signed == nil {
		m.Warn("a log that is rewritten would not be noticed by the next run: %v", err)
	}
	m.signed = signed
	return nil
}
