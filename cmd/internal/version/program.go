package version

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// Program is a hash that tells the running program from every other: two builds of one
// version may differ in what they do.
func Program() (string, error) { return program() }

var program = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if id := buildID(file); id != "" {
		hash.Write([]byte("build id " + id))
		return hex.EncodeToString(hash.Sum(nil)), nil
	}
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
})

// buildID is what Go's linker wrote into the program: its last part is a hash of all the
// program (go doc cmd/internal/buildid), which takes a tenth of a second to compute for
// each command. "" where there is none, as in a build with -buildid=.
func buildID(file io.ReaderAt) string {
	program, err := elf.NewFile(file)
	if err != nil {
		return ""
	}
	section := program.Section(".note.go.buildid")
	if section == nil || section.Size > 1024 {
		return ""
	}
	note, err := section.Data()
	const head = 16 // sizes and type, then the name "Go\0\0"
	if err != nil || len(note) < head {
		return ""
	}
	id := strings.TrimRight(string(note[head:]), "\x00")
	parts := strings.Split(id, "/")
	for _, part := range parts {
		if len(part) < 20 {
			return "" // redacted, or of another linker
		}
	}
	if len(parts) != 4 {
		return ""
	}
	return id
}
