package values

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/bulla-dev/bulla/api/fault"
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
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !utf8.Valid(data) {
		return fault.New("write it anew as UTF-8", "%s: the file is not UTF-8 text", from)
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
			return fault.New("take the word export out", "%s: line %d is a line of a shell script", from, number)
		case !ok:
			return fault.New("write KEY=VALUE", "%s: line %d has no =", from, number)
		case len(validation.IsEnvVarName(key)) > 0:
			// The key is not quoted: it may be a piece of a value of several lines.
			return fault.New("write KEY=VALUE, each value on one line",
				"%s: line %d has no name of a variable before its =", from, number)
		}
		if err := empty.add(set, from, key, []byte(value)); err != nil {
			return err
		}
	}
	return nil
}
