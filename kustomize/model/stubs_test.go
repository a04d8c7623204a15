package model_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/kustomize/model"
	"github.com/bulla-dev/bulla/kustomize/tree"
)

// TestEveryStubIsFoundOrReported: by whatever name the file goes, and whatever
// became of what is in it.
func TestEveryStubIsFoundOrReported(t *testing.T) {
	good, err := os.ReadFile("../../api/fleet/testdata/parse/stub/ok-full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	folder := t.TempDir()
	for name, data := range map[string]string{
		"a/good.yaml":  text,
		"a/other.yml":  text,
		"a/upper.YAML": text,
		"a/marks.yaml": strings.Replace(text, "spec:\n", "<<<<<<< ours\nspec:\n=======\n>>>>>>> theirs\n", 1),
		"a/field.yaml": strings.Replace(text, "spec:\n", "spec:\n  tamplate: x\n", 1),
		"a/lines.yaml": strings.ReplaceAll(text, "\n", "\r\n"),
		"a/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n" +
			"data: {a: 'kind: SealedManifest, bulla.dev'}\n",
		"a/notes.txt":    text,
		"a/unsound.yaml": "a: [\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := tree.OpenDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(*tree.Tree) ([]model.StubFile, []model.Unreadable){
		"a tree": model.Stubs, "a reader": new(model.StubReader).Read,
	} {
		stubs, unreadable := read(opened)
		var found, broken []string
		for _, s := range stubs {
			found = append(found, s.Path)
		}
		for _, u := range unreadable {
			broken = append(broken, u.Path)
		}
		if want := []string{"a/good.yaml", "a/other.yml", "a/upper.YAML"}; !slices.Equal(found, want) {
			t.Errorf("%s finds %v, not %v", name, found, want)
		}
		if want := []string{"a/field.yaml", "a/lines.yaml", "a/marks.yaml"}; !slices.Equal(broken, want) {
			t.Errorf("%s reports %v, not %v", name, broken, want)
		}
	}
}
