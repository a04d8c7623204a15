package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bulla-dev/bulla/api/atomicfile"
)

func TestFilesAreWrittenWholeOrNotAtAll(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a", "b.yaml")
	if err := atomicfile.Create(path, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Create(path, []byte("2"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was created over another: %v", err)
	}
	if err := atomicfile.Replace(path, []byte("other"), []byte("2")); !errors.Is(err, atomicfile.ErrChanged) {
		t.Errorf("somebody else's edit was overwritten: %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "1" {
		t.Fatalf("the file has %q, %v", data, err)
	}
	if err := atomicfile.Replace(path, []byte("1"), []byte("2")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("temporary files were left: %v", entries)
	}
}

func TestPrivateFilesHavePrivateFolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "trust.yaml")
	if err := atomicfile.Write(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", p, info.Mode())
		}
	}
}
