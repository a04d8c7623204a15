package fleetrepo

import (
	"os"
	"path/filepath"
)

// Named returns where the file is that somebody named: as seen from the working
// directory, else from the repository's root. Findings, hints and reports name files
// from the root, and what they say must work wherever it is pasted. A file that is
// not there yet is where its folder is.
func Named(root, path string) string {
	below := filepath.Join(root, path)
	if filepath.IsAbs(path) || there(path) {
		return path
	}
	if there(below) || !there(filepath.Dir(path)) && there(filepath.Dir(below)) {
		return below
	}
	return path
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
