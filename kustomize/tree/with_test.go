package tree

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATreeWithAFileLeavesTheOldTreeAlone(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "apps/shop"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "apps/shop/a.yaml"), []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	old, err := OpenDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"apps/shop/a.yaml":     {"apps/shop/a.yaml"},
		"apps/shop/b.yaml":     {"apps/shop/a.yaml", "apps/shop/b.yaml"},
		"apps/new/deep/c.yaml": {"apps/new/deep/c.yaml", "apps/shop/a.yaml"},
	} {
		tree, err := old.With(file, []byte("new\n"))
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, entry := range tree.Files("") {
			paths = append(paths, entry.Path)
		}
		if diff := cmp.Diff(want, paths); diff != "" {
			t.Errorf("files with %s (-want +got):\n%s", file, diff)
		}
		if data, err := tree.ReadFile(file); err != nil || string(data) != "new\n" {
			t.Errorf("%s reads back as %q, %v", file, data, err)
		}
		if data, err := old.ReadFile("apps/shop/a.yaml"); err != nil || string(data) != "old\n" {
			t.Errorf("the old tree has %q, %v", data, err)
		}
	}
	for _, file := range []string{"../x", "/x", ".git/x", "apps/shop", "apps/shop/a.yaml/x", "."} {
		if _, err := old.With(file, nil); err == nil {
			t.Errorf("a file at %q was accepted", file)
		}
	}
}
