package layout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/layout"
	"github.com/bulla-dev/bulla/cmd/bulla/internal/owners"
)

// written is a repository with one file, and a forge's folder.
type written struct {
	text  []byte
	forge string
}

func (w written) ReadFile(file string) ([]byte, error) {
	if file != "CODEOWNERS" {
		return nil, errors.New("not there")
	}
	return w.text, nil
}

func (w written) IsDir(folder string) bool { return folder == w.forge }

// TestWhatInitWritesGuardsEverything: at the forge that it is for, and at each where nobody
// knows which; the folders that placements build from, and no other.
func TestWhatInitWritesGuardsEverything(t *testing.T) {
	for forges, folders := range map[owners.Forges][]string{
		owners.Anybody: {".github", ".gitlab", ".gitea", ".forgejo", ""}, owners.WithPatterns: {".github", ".gitlab", ""},
		owners.WithExpressions: {".gitea", ".forgejo"},
	} {
		for _, built := range [][]string{nil, {"deploy", "teams"}} {
			text := layout.CodeOwners([]string{"@a/b"}, built, forges)
			paths := []string{"CODEOWNERS", "apps/x/y.yaml"}
			if built != nil {
				paths = []string{"CODEOWNERS", "deploy/x/y.yaml", "teams/a.yaml"}
			}
			for _, grant := range layout.Grants {
				paths = append(paths, strings.TrimPrefix(grant.Path, "/"))
			}
			for _, folder := range folders {
				file := owners.Find(written{text, folder})
				if open := owners.Open(paths, file.Own); len(open) > 0 {
					t.Errorf("forges %d, %q: %q guard nothing in\n%s", forges, folder, open, text)
				}
				if built != nil && file.Own("apps/x/y.yaml") {
					t.Errorf("apps/ is guarded, and nothing is built from it:\n%s", text)
				}
			}
		}
	}
	if file := owners.Find(written{layout.CodeOwners(nil, nil, owners.Anybody), ""}); file.Own("fleet.yaml") {
		t.Error("the placeholder guards")
	}
	if slices.Contains(layout.Folders([]string{"deploy"}), layout.Apps) {
		t.Error("a folder is made that nothing is built from")
	}
}
