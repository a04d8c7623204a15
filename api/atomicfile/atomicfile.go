// Package atomicfile writes files whole or not at all, and so that a crash leaves
// the old or the new.
//
// A file appears or changes by a rename in its own folder, so a failed run
// leaves what was there. A file that changed since it was read is not
// overwritten: somebody else's edit would be lost without a trace.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrChanged reports that a file is not the one that was read.
var ErrChanged = errors.New("the file changed while it was being edited")

// Create writes a new file and its folders. It fails with fs.ErrExist when the
// file is there.
func Create(path string, data []byte, mode fs.FileMode) error {
	temp, err := stage(path, data, mode)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer os.Remove(temp)
	// A link, unlike a rename, fails when the name is taken.
	if err := os.Link(temp, path); err != nil {
		return fmt.Errorf("create %s: %w", path, cause(err))
	}
	return syncFolder(path)
}

// Replace writes data over the file that had the bytes old.
func Replace(path string, old, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, cause(err))
	}
	temp, err := stage(path, data, info.Mode().Perm())
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	defer os.Remove(temp)
	now, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, cause(err))
	}
	if !bytes.Equal(now, old) {
		return fmt.Errorf("replace %s: %w", path, ErrChanged)
	}
	return rename(temp, path)
}

// Write creates or overwrites a file of our own, which nobody edits by hand.
func Write(path string, data []byte, mode fs.FileMode) error {
	temp, err := stage(path, data, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp)
	return rename(temp, path)
}

func rename(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return syncFolder(path)
}

// syncFolder makes a name last: without it a crash after a rename may bring the old
// file back, and what was said to be kept with it.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	defer folder.Close()
	// Some file systems cannot sync a folder, and say so.
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return nil
}

// stage writes data to a synced temporary file beside path.
func stage(path string, data []byte, mode fs.FileMode) (temp string, err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, folderMode(mode)); err != nil {
		return "", cause(err)
	}
	f, err := os.CreateTemp(folder, ".bulla-*")
	if err != nil {
		return "", cause(err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return "", cause(err)
	}
	if err := errors.Join(f.Chmod(mode), f.Sync()); err != nil {
		return "", cause(err)
	}
	return f.Name(), f.Close()
}

// folderMode makes folders of private files private.
func folderMode(file fs.FileMode) fs.FileMode {
	if file&0o077 == 0 {
		return 0o700
	}
	return 0o755
}

// cause drops the paths that os errors carry: callers name the file once, and
// the temporary name helps nobody.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
