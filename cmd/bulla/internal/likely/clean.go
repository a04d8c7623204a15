package likely

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Clean remembers, between runs of a program, which files were looked through to their
// end and had nothing in them: each by the hash of the program, its path and its bytes.
// It belongs where no commit can write, which is Git's own folder: a branch that could
// write there would have its secrets passed over. Nil remembers nothing.
type Clean struct {
	file, program string
	// before is what the file had, now what was looked up or found in this run: what
	// no run asks for goes.
	before, now map[[sha256.Size]byte]bool
}

// maxClean bounds the file that is read, in bytes: a quarter of a million files.
const maxClean = 8 << 20

// OpenClean opens what is remembered in Git's folder of a repository, for one build of
// the program, which has the rules in it. Whatever is wrong with the file, it is as if it
// were not there.
func OpenClean(gitDir, program string) *Clean {
	if gitDir == "" || program == "" {
		return nil
	}
	c := &Clean{
		file: filepath.Join(gitDir, "bulla", "likely"), program: program,
		before: map[[sha256.Size]byte]bool{}, now: map[[sha256.Size]byte]bool{},
	}
	info, err := os.Lstat(c.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxClean {
		return c
	}
	data, err := os.ReadFile(c.file)
	if err != nil {
		return c
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	if want := sha256.Sum256(body); string(sum) != hex.EncodeToString(want[:]) {
		return c
	}
	for one := range slices.Chunk(body, sha256.Size) {
		if len(one) == sha256.Size {
			c.before[[sha256.Size]byte(one)] = true
		}
	}
	return c
}

func (c *Clean) key(path string, text []byte) [sha256.Size]byte {
	hash := sha256.New()
	for _, part := range []string{c.program, path} {
		hash.Write([]byte(part))
		hash.Write([]byte{0}) // in no path and no program's hash
	}
	hash.Write(text)
	return [sha256.Size]byte(hash.Sum(nil))
}

// Has reports whether a file was looked through, and had nothing in it.
func (c *Clean) Has(path string, text []byte) bool {
	if c == nil {
		return false
	}
	key := c.key(path, text)
	if c.before[key] {
		c.now[key] = true
	}
	return c.before[key]
}

// Note remembers a file that had nothing in it, and was looked through to its end.
func (c *Clean) Note(path string, text []byte, of Result) {
	if c != nil && len(of.Finds) == 0 && !of.More && !of.Cut && of.Long == 0 {
		c.now[c.key(path, text)] = true
	}
}

// Save writes what this run asked for, where that is something else. Nobody waits for a
// cache: what cannot be written is looked through again.
func (c *Clean) Save() {
	if c == nil || maps.Equal(c.before, c.now) {
		return
	}
	var body []byte
	for _, key := range slices.SortedFunc(maps.Keys(c.now), func(a, b [sha256.Size]byte) int {
		return bytes.Compare(a[:], b[:])
	}) {
		body = append(body, key[:]...)
	}
	sum := sha256.Sum256(body)
	temp, err := os.CreateTemp(filepath.Dir(c.file), ".likely-*")
	if err != nil {
		return
	}
	_, err = temp.Write(append([]byte(hex.EncodeToString(sum[:])+"\n"), body...))
	if closed := temp.Close(); err != nil || closed != nil || os.Rename(temp.Name(), c.file) != nil {
		os.Remove(temp.Name())
	}
}
