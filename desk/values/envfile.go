package values

import (
	"errors"
	"maps"
	"slices"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/sealing/value"
)

// EnvFiles adds the lines KEY=VALUE of files to set, as kubectl reads them:
// empty lines and lines that begin with # are passed over, quotes are part of a
// value, and a value may be empty. A line end of Windows is no part of a value.
func (s *Source) EnvFiles(set Set, paths []string) error {
	for i, path := range paths {
		data, err := s.readFile(path)
		if err != nil {
			return fault.New("--from-env-file takes a path, or - for standard input",
				"read --from-env-file number %d: %w", i+1, err)
		}
		if err := EnvText(set, "--from-env-file", data); err != nil {
			return err
		}
	}
	return nil
}

// EnvText adds the lines of one file; from names it in errors.
func EnvText(set Set, from string, data []byte) error {
	all, err := value.Env(data)
	var line *value.LineError
	switch {
	case errors.As(err, &line):
		return fault.New(line.Hint, "%s: %w", from, err)
	case err != nil:
		return fault.New("write it anew as UTF-8", "%s: %w", from, err)
	}
	empty := Source{AllowEmpty: true}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := empty.add(set, from, key, all[key]); err != nil {
			return err
		}
	}
	return nil
}
