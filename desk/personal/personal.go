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
	"github.com/bulla-dev/bulla/api/fault"
	api "github.com/bulla-dev/bulla/api/fleet"
)

// Store is one file, whose document is a T.
type Store[T any] struct {
	path  string
	rules Rules
}

// Rules are how a file is kept.
type Rules struct {
	// Nobody are the permission bits that nobody else may have.
	Nobody fs.FileMode
	// Exposed is the error of a file that has one of them all the same, and Then what
	// to do when it has none again.
	Exposed error
	Then    string
	// Writer is the command that writes the file.
	Writer string
	// Secret is a file that no error quotes.
	Secret bool
}

// Open names the file, which need not be there yet.
func Open[T any](name string, rules Rules) (*Store[T], error) {
	folder := os.Getenv("XDG_CONFIG_HOME")
	if folder == "" {
		var err error
		if folder, err = os.UserConfigDir(); err != nil {
			return nil, fault.New("set HOME, or XDG_CONFIG_HOME", "find the configuration folder: %w", err)
		}
	}
	return OpenIn[T](filepath.Join(folder, "bulla"), name, rules), nil
}

// OpenIn names a file in a folder that a program has for itself.
func OpenIn[T any](folder, name string, rules Rules) *Store[T] {
	return &Store[T]{path: filepath.Join(folder, name), rules: rules}
}

// Path of the file.
func (s *Store[T]) Path() string { return s.path }

// Read returns the document, an empty one when there is no file. A file that others
// have, or that is none of this program's, is refused, with what to do about it.
func (s *Store[T]) Read() (document T, err error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return document, nil
	}
	if err != nil {
		return document, fmt.Errorf("read %s: %w", s.path, err)
	}
	if info.Mode().Perm()&s.rules.Nobody != 0 {
		return document, fault.NewTrust("chmod 600 "+s.path+", "+s.rules.Then, "read %s: %w", s.path, s.rules.Exposed)
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return document, fmt.Errorf("read %s: %w", s.path, err)
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return document, nil
	}
	if err := s.parse(data, &document); err != nil {
		return document, fault.New(
			"mend it, or move it away and begin again with "+s.rules.Writer, "read %s: %w", s.path, err)
	}
	return document, nil
}

// parse reads what this program wrote, as strictly as what stands in Git.
func (s *Store[T]) parse(data []byte, into *T) error {
	_, err := api.ReadDocument(filepath.Base(s.path), data, api.MaxFileSize)
	if err == nil {
		err = yaml.UnmarshalStrict(data, into)
	}
	if err != nil && s.rules.Secret {
		return errors.New("it is not what " + s.rules.Writer + " writes")
	}
	return err
}

// Write replaces the document; the file is this user's alone.
func (s *Store[T]) Write(document T) error {
	data, err := yaml.Marshal(document)
	if err != nil {
		return fmt.Errorf("write %s: it cannot be written as YAML", s.path)
	}
	return atomicfile.Write(s.path, data, 0o600)
}
