package likely

import "github.com/bulla-dev/bulla/cmd/bulla/internal/passed"

// Clean remembers which files were looked through to their end and had nothing in them: each
// by its path and its bytes. Nil remembers nothing.
type Clean struct{ set *passed.Set }

// OpenClean opens what is remembered in Git's folder of a repository; see [passed.Open].
func OpenClean(gitDir, program string) *Clean { return &Clean{passed.Open(gitDir, "likely", program)} }

// Has reports whether a file was looked through, and had nothing in it.
func (c *Clean) Has(path string, text []byte) bool { return c != nil && c.set.Has([]byte(path), text) }

// Note remembers a file that had nothing in it, and was looked through to its end.
func (c *Clean) Note(path string, text []byte, of Result) {
	if c != nil && len(of.Finds) == 0 && !of.More && !of.Cut && of.Long == 0 {
		c.set.Note([]byte(path), text)
	}
}

// Save writes what this run asked for.
func (c *Clean) Save() {
	if c != nil {
		c.set.Save()
	}
}
