// Package files says what to do about files that cannot be read or written.
package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/bulla-dev/bulla/api/atomicfile"
	api "github.com/bulla-dev/bulla/api/fleet"
)

// Hint says what to do about a file that a person named and that cannot be used;
// about says what the file is, or is empty. The path is never in it: it may be a
// value that was given to the wrong flag.
func Hint(err error, about string) string {
	var hints []string
	var parse *api.ParseError
	switch {
	case errors.As(err, &parse):
		if !strings.Contains(err.Error(), "; hint: ") { // a second one beside it leads two ways
			hints = append(hints, "mend the file there; of a fleet's files `bulla validate` says all that is wrong")
		}
	case errors.Is(err, atomicfile.ErrChanged):
		hints = append(hints, "somebody else wrote to it meanwhile: look at it, and run this again")
	case errors.Is(err, fs.ErrExist):
		hints = append(hints, "nothing is overwritten: name a file that is not there yet")
	case errors.Is(err, fs.ErrNotExist):
		hints = append(hints, "there is no such file"+from(err))
	case errors.Is(err, fs.ErrPermission):
		hints = append(hints, "this user may not do that to the file: look at its owner and mode, and at those of its folder")
	case errors.Is(err, syscall.ENAMETOOLONG):
		hints = append(hints, "that is too long for the name of a file: give a shorter one")
	case errors.Is(err, syscall.ENOTDIR):
		hints = append(hints, "a file stands where a folder is meant: name another, or move it away")
	case errors.Is(err, syscall.EISDIR):
		hints = append(hints, "it is a folder: name a file in it")
	}
	if about != "" {
		hints = append(hints, about)
	}
	return strings.Join(hints, "; ")
}

// from says where a relative path begins.
func from(err error) string {
	var p *fs.PathError
	if !errors.As(err, &p) || filepath.IsAbs(p.Path) {
		return ""
	}
	here, err := os.Getwd()
	if err != nil {
		return ""
	}
	return " seen from " + here
}
