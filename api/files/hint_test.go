package files_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bulla-dev/bulla/api/atomicfile"
	"github.com/bulla-dev/bulla/api/files"
	api "github.com/bulla-dev/bulla/api/fleet"
)

func TestAFileThatCannotBeReadComesWithAHintThatDoesNotNameIt(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	read := func(path string) error {
		_, err := os.ReadFile(path)
		return fmt.Errorf("read it: %w", err)
	}
	for _, c := range []struct {
		name        string
		err         error
		about, want string
	}{
		{"a relative path that is not there", read("hunter2"), "", "there is no such file seen from " + here},
		{"an absolute one", read(filepath.Join(here, "hunter2")), "", "there is no such file"},
		{"with what it is", read(filepath.Join(here, "hunter2")), "init wrote it", "there is no such file; init wrote it"},
		{"a folder", read(here), "", "it is a folder: name a file in it"},
		{"a file in the place of a folder", fmt.Errorf("make: %w", &fs.PathError{Err: syscall.ENOTDIR}), "",
			"a file stands where a folder is meant: name another, or move it away"},
		{"a file of somebody else", &fs.PathError{Op: "open", Path: "hunter2", Err: fs.ErrPermission}, "",
			"this user may not do that to the file: look at its owner and mode, and at those of its folder"},
		{"one that does not parse", fmt.Errorf("read: %w", &api.ParseError{File: "hunter2", Line: 1, Problem: "is empty"}),
			"",
			"mend the file there; of a fleet's files `bulla validate` says all that is wrong"},
		{"one that says itself what to do", &api.ParseError{File: "hunter2", Line: 1, Problem: api.MergeMarkProblem}, "", ""},
		{"one that somebody else wrote", atomicfile.ErrChanged, "",
			"somebody else wrote to it meanwhile: look at it, and run this again"},
		{"one that is there", fs.ErrExist, "", "nothing is overwritten: name a file that is not there yet"},
		{"what has nothing to do with files", errors.New("broken"), "", ""},
		{"and what is known of it", errors.New("broken"), "init wrote it", "init wrote it"},
	} {
		if got := files.Hint(c.err, c.about); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
