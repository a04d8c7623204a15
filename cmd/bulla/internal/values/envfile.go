package values

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/cmd/internal/fault"
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
		if err := s.envLines(set, bytes.TrimPrefix(data, []byte("\uFEFF"))); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) envLines(set Set, data []byte) error {
	if !utf8.Valid(data) {
		return fault.New("write it anew as UTF-8", "--from-env-file: the file is not UTF-8 text")
	}
	empty := Source{AllowEmpty: true}
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(key, "export "):
			return fault.New("take the word export out", "--from-env-file: line %d is a line of a shell script", number)
		case !ok:
			return fault.New("write KEY=VALUE", "--from-env-file: line %d has no =", number)
		case len(validation.IsEnvVarName(key)) > 0:
			// The key is not quoted: it may be a piece of a value of several lines.
			return fault.New("write KEY=VALUE, each value on one line",
				"--from-env-file: line %d has no name of a variable before its =", number)
		}
		if err := empty.add(set, "--from-env-file", key, []byte(value)); err != nil {
			return err
		}
	}
	return nil
}
