// Package passed remembers, between runs of a program, what was looked at and had nothing
// wrong: each by the hash of the program and of all that was looked at.
//
// It belongs where no commit can write, which is Git's own folder: a branch that could write
// there would have what it brings passed over.
package passed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Set is what one look remembers. Nil remembers nothing. It is not safe for concurrent use.
type Set struct {
	file, program string
	// before is what the file had, now what was looked up or found in this run: what
	// no run asks for goes.
	before, now map[[sha256.Size]byte]bool
}

// largest is the greatest size of a file that is read, in bytes: a quarter of a million
// things.
const largest = 8 << 20

// Open opens what is remembered under a name in Git's folder of a repository, for one build of
// the program, which has the rules in it. Whatever is wrong with the file, it is as if it
// were not there.
func Open(gitDir, name, program string) *Set {
	if gitDir == "" || program == "" {
		return nil
	}
	s := &Set{
		file: filepath.Join(gitDir, "bulla", name), program: program,
		before: map[[sha256.Size]byte]bool{}, now: map[[sha256.Size]byte]bool{},
	}
	info, err := os.Lstat(s.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > largest {
		return s
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return s
	}
	sum, body, _ := bytes.Cut(data, []byte("\n"))
	if want := sha256.Sum256(body); string(sum) != hex.EncodeToString(want[:]) {
		return s
	}
	for one := range slices.Chunk(body, sha256.Size) {
		if len(one) == sha256.Size {
			s.before[[sha256.Size]byte(one)] = true
		}
	}
	return s
}

func (s *Set) key(parts [][]byte) [sha256.Size]byte {
	hash := sha256.New()
	for _, part := range append([][]byte{[]byte(s.program)}, parts...) {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part)))) // so that no two lists are one text
		hash.Write(part)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// Has reports whether these parts were noted, by this run or the last.
func (s *Set) Has(parts ...[]byte) bool {
	if s == nil {
		return false
	}
	key := s.key(parts)
	if s.before[key] {
		s.now[key] = true
	}
	return s.before[key]
}

// Note remembers what had nothing wrong.
func (s *Set) Note(parts ...[]byte) {
	if s != nil {
		s.now[s.key(parts)] = true
	}
}

// Save writes what this run asked for, where that is something else. Nobody waits for a
// cache: what cannot be written is looked at again.
func (s *Set) Save() {
	if s == nil || maps.Equal(s.before, s.now) {
		return
	}
	var body []byte
	for _, key := range slices.SortedFunc(maps.Keys(s.now), func(a, b [sha256.Size]byte) int {
		return bytes.Compare(a[:], b[:])
	}) {
		body = append(body, key[:]...)
	}
	sum := sha256.Sum256(body)
	temp, err := os.CreateTemp(filepath.Dir(s.file), "."+filepath.Base(s.file)+"-*")
	if err != nil {
		return
	}
	_, err = temp.Write(append([]byte(hex.EncodeToString(sum[:])+"\n"), body...))
	if closed := temp.Close(); err != nil || closed != nil || os.Rename(temp.Name(), s.file) != nil {
		os.Remove(temp.Name())
	}
}
