// Package personal keeps a person's own files, outside of any repository:
// bulla/NAME in $XDG_CONFIG_HOME or, when that is not set, in the system's folder
// for configuration.
package personal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/bulla-dev/bulla/api/atomicfile"
)

// Store is one file, whose document is a T.
type Store[T any] struct {
	path string
	// nobody are the permission bits that nobody else may have; who has them all the
	// same is told by exposed.
	nobody  fs.FileMode
	exposed error
	// unreadable is said of a file that is no T; the library's own text may quote it.
	unreadable string
}

// Open names the file, which need not be there yet. A file with one of the bits of
// nobody set is refused with exposed; one that does not parse with unreadable, or
// with what the parser says where that is empty.
func Open[T any](name string, nobody fs.FileMode, exposed error, unreadable string) (*Store[T], error) {
	folder := os.Getenv("XDG_CONFIG_HOME")
	if folder == "" {
		var err error
		if folder, err = os.UserConfigDir(); err != nil {
			return nil, fmt.Errorf("find the configuration folder: %w", err)
		}
	}
	return &Store[T]{path: filepath.Join(folder, "bulla", name), nobody: nobody, exposed: exposed, unreadable: unreadable}, nil
}

// Path of the file.
func (s *Store[T]) Path() string { return s.path }

// Read returns the document, an empty one when there is no file.
func (s *Store[T]) Read() (document T, err error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return document, nil
	}
	if err != nil {
		return document, fmt.Errorf("read %s: %w", s.path, err)
	}
	if info.Mode().Perm()&s.nobody != 0 {
		return document, fmt.Errorf("read %s: %w", s.path, s.exposed)
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return document, fmt.Errorf("read %s: %w", s.path, err)
	}
	err = yaml.UnmarshalStrict(bytes.TrimSpace(data), &document)
	if err != nil && s.unreadable != "" {
		err = errors.New(s.unreadable)
	}
	if err != nil {
		return document, fmt.Errorf("read %s: %w", s.path, err)
	}
	return document, nil
}

// Write replaces the document; the file is this user's alone.
func (s *Store[T]) Write(document T) error {
	data, err := yaml.Marshal(document)
	if err != nil {
		return fmt.Errorf("write %s: it cannot be written as YAML", s.path)
	}
	return atomicfile.Write(s.path, data, 0o600)
}
