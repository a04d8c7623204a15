package kept

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func storeIn(t *testing.T, git string) *Store {
	t.Helper()
	store, err := OpenStore(git, "1")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestAStoreIsBoundedAndLeavesNoHalfFiles(t *testing.T) {
	git := t.TempDir()
	folder := storeIn(t, git).root.Name()
	write := func(name string, size int64, age time.Duration) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	write("oldest", maxStore/2, 3*time.Hour)
	write("older", maxStore/2, 2*time.Hour)
	write("newest", maxStore/2, time.Hour)
	write("new-LEFT", 10, 2*time.Hour)
	storeIn(t, git)
	for name, want := range map[string]bool{"oldest": false, "older": true, "newest": true, "new-LEFT": false} {
		if _, err := os.Lstat(filepath.Join(folder, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}

// Nobody who can make a link in Git's folder needs a cache for it; but nothing is
// written through one.
func TestAStoreDoesNotLeaveGitsFolder(t *testing.T) {
	git, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(git, "bulla")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(git, "1"); err == nil {
		t.Error("a link out of the folder is followed")
	}
	if entries, err := fs.ReadDir(os.DirFS(outside), "."); err != nil || len(entries) > 0 {
		t.Errorf("%v: %v", entries, err)
	}
}
