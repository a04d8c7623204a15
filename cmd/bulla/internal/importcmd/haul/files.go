package haul

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"

	"github.com/bulla-dev/bulla/api/fault"
	"github.com/bulla-dev/bulla/kustomize/printable"
)

// maxFile bounds one source: a dump of a namespace has many Secrets of up to 1 MiB.
const maxFile = 64 << 20

// Files reads sources; standard input, "-", can be taken once.
type Files struct {
	Stdin io.Reader
	taken bool
}

// Read returns all of a file.
func (f *Files) Read(path string) ([]byte, error) {
	if path == "-" {
		if f.taken {
			return nil, fault.NewUsage("give - once", "standard input is named twice")
		}
		f.taken = true
		return readAll("standard input", f.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(path, err)
	}
	defer file.Close()
	return readAll(path, file)
}

func readAll(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, cannotRead(name, err)
	}
	if len(data) > maxFile {
		return nil, fault.New("import it in parts", "read %s: it is more than %d MiB", Name(name), maxFile>>20)
	}
	return data, nil
}

func cannotRead(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fault.New("name a file, or - for standard input", "read %s: %w", Name(name), err)
}

// Name is a file's name for people: one that a stranger chose may hold a newline, and
// would print a line of its own.
func Name(path string) string {
	if path == "-" {
		return "standard input"
	}
	return printable.Name(path)
}

// sopsMark is where SOPS writes its own: in a .env file, YAML and JSON.
var sopsMark = regexp.MustCompile(`(?m)^(sops_mac=ENC\[|sops:|\s*"sops":\s*\{)`)

// BySOPS reports whether SOPS encrypted a file.
func BySOPS(data []byte) bool { return bytes.Contains(data, []byte("ENC[")) && sopsMark.Match(data) }
