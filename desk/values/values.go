// Package values reads the secret values that are to be sealed: literals,
// files and a Secret manifest.
//
// Nothing here puts a value, a file's content or a path that may be a mistyped
// value into an error. Errors name the flag, the key and the category only,
// because the text of an error ends in terminals, CI logs and tickets.
package values

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/fault"
)

// Set holds values by their key in the Secret's data.
type Set map[string][]byte

// Source reads values; Stdin can be taken once.
type Source struct {
	// AllowEmpty admits empty values. They are nearly always a variable that
	// was not set.
	AllowEmpty bool
	Stdin      io.Reader
	taken      bool
}

// stdin returns all of standard input, once.
func (s *Source) stdin() ([]byte, error) {
	if s.taken {
		return nil, fault.NewUsage("give - to one flag only", "standard input is named twice")
	}
	s.taken = true
	return readAll(s.Stdin)
}

// Literals adds key=value arguments to set.
func (s *Source) Literals(set Set, args []string) error {
	for i, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return fault.NewUsage("write --from-literal KEY=VALUE", "--from-literal number %d has no =", i+1)
		}
		if err := s.add(set, "--from-literal", key, []byte(value)); err != nil {
			return err
		}
	}
	return nil
}

// Files adds key=path and path arguments to set; the path - is standard input.
func (s *Source) Files(set Set, args []string) error {
	for i, arg := range args {
		key, path, ok := strings.Cut(arg, "=")
		if !ok {
			key, path = filepath.Base(arg), arg
		}
		if path == "-" && !ok {
			return fault.NewUsage("write --from-file KEY=-", "--from-file number %d: standard input needs a key", i+1)
		}
		data, err := s.readFile(path)
		if err != nil {
			hint := "--from-file takes KEY=PATH or PATH; --from-literal takes KEY=VALUE"
			if told := (*fault.Error)(nil); errors.As(err, &told) {
				hint = told.Hint
			}
			return fault.New(hint, "read --from-file number %d%s: %w", i+1, ofKey(key, ok), err)
		}
		if err := s.add(set, "--from-file", key, data); err != nil {
			return err
		}
	}
	return nil
}

// Input adds all of standard input to set, as the value of key.
func (s *Source) Input(set Set, key string) error {
	data, err := s.stdin()
	if err != nil {
		return fmt.Errorf("read standard input (key %s): %w", key, err)
	}
	return s.Value(set, key, data)
}

// Value adds a value that no flag gave.
func (s *Source) Value(set Set, key string, value []byte) error {
	return s.add(set, "the value", key, value)
}

// CheckKey refuses a key that a Secret cannot have. It does not quote it: a value
// may stand in its place.
func CheckKey(key string) error {
	if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
		return fault.NewUsage("a key has letters, digits, '-', '_' and '.' only", "the key is none that a Secret can have")
	}
	return nil
}

// File adds a file to set, as the value of key; the path - is standard input.
func (s *Source) File(set Set, key, path string) error {
	return s.FileOf(set, "--from-file", key, path)
}

// FileOf is File, of another flag.
func (s *Source) FileOf(set Set, flag, key, path string) error {
	data, err := s.readFile(path)
	if err != nil {
		hint := flag + " takes the path of a file"
		if told := (*fault.Error)(nil); errors.As(err, &told) {
			hint = told.Hint
		}
		return fault.New(hint, "read %s%s: %w", flag, ofKey(key, true), err)
	}
	return s.add(set, flag, key, data)
}

// ofKey names the key, if it is one and no path or value in its place.
func ofKey(key string, given bool) string {
	if !given || len(validation.IsConfigMapKey(key)) > 0 {
		return ""
	}
	return fmt.Sprintf(" (key %s)", key)
}

func (s *Source) readFile(path string) ([]byte, error) {
	if path == "-" {
		return s.stdin()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	return readAll(f)
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, 2*corev1.MaxSecretSize+1))
	if err != nil {
		return nil, pathless(err)
	}
	if len(data) > 2*corev1.MaxSecretSize {
		return nil, fault.New("a Secret holds at most 1 MiB; split it", "more than %d bytes", 2*corev1.MaxSecretSize)
	}
	return data, nil
}

// pathless drops the path from an os error: it may be a value that was given
// to the wrong flag.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// add refuses what the API server would refuse, while nothing is sealed yet.
func (s *Source) add(set Set, flag, key string, value []byte) error {
	if problems := validation.IsConfigMapKey(key); len(problems) > 0 {
		// The key is not quoted: KEY=VALUE swapped around would show the value.
		return fault.NewUsage("a key has letters, digits, '-', '_' and '.' only",
			"%s: value number %d has a key that a Secret cannot have", flag, len(set)+1)
	}
	if _, taken := set[key]; taken {
		return fault.NewUsage("give each key once", "key %q is given twice", key)
	}
	if len(value) == 0 && !s.AllowEmpty {
		return fault.NewUsage("is a variable unset? --allow-empty seals an empty value all the same",
			"the value of key %q is empty", key)
	}
	set[key] = value
	return nil
}

// CheckSize refuses more than a Secret can hold.
func (set Set) CheckSize() error {
	total := 0
	for _, value := range set {
		total += len(value)
	}
	if total > corev1.MaxSecretSize {
		return fault.New("a Secret holds at most 1 MiB; split it", "the values are %d bytes together", total)
	}
	return nil
}
