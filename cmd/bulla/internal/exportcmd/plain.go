package exportcmd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulla-dev/bulla/api/fault"
)

// plain is values in the clear.
type plain struct {
	// force allows a working tree.
	force bool
}

// Check wants a folder that is new or empty, that nobody else can look into, and that no
// `git add` takes up.
func (p *plain) Check(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case os.IsNotExist(err):
	case err != nil:
		return fmt.Errorf("look at --out: %w", err)
	case !info.IsDir():
		return fault.NewUsage("name a new folder", "%s is no folder", folder)
	case info.Mode().Perm()&0o077 != 0:
		return fault.New("chmod 700 it, or name a new one", "other users can look into %s", folder)
	default:
		if names, err := os.ReadDir(folder); err != nil || len(names) > 0 {
			return fault.New("name a new folder", "%s is not empty", folder)
		}
	}
	if p.force {
		return nil
	}
	tree, err := workTree(folder)
	if err != nil {
		return err
	}
	if tree != "" {
		return fault.New("name a folder outside, best in memory (/dev/shm); --force writes there all the same",
			"%s is in the Git working tree %s: values in the clear would be one `git add` from history", folder, tree)
	}
	return nil
}

// Write is the text itself.
func (p *plain) Write(_ context.Context, _ string, text []byte) ([]byte, error) {
	return bytes.Clone(text), nil
}

// workTree is the working tree that a folder is in, or would be; links are followed.
func workTree(folder string) (string, error) {
	at, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			at = real
			break
		}
		if !os.IsNotExist(err) || at == filepath.Dir(at) {
			return "", fmt.Errorf("look at --out: %w", err)
		}
		at = filepath.Dir(at)
	}
	for ; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", nil
		}
	}
}
