package owners_test

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/cmd/bulla/internal/owners"
)

// files are a repository's, by path.
type files map[string]string

func (f files) ReadFile(file string) ([]byte, error) {
	if text, ok := f[file]; ok {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("read %s: %w", file, fs.ErrNotExist)
}

func (f files) IsDir(folder string) bool {
	for file := range f {
		if path.Dir(file) == folder {
			return true
		}
	}
	return false
}

// TestWhoIsAskedIsWhomAForgeAsks: what a file says, by the rules of the forges that read it.
func TestWhoIsAskedIsWhomAForgeAsks(t *testing.T) {
	for name, test := range map[string]struct {
		in        files
		own, open string
	}{
		"a folder": {files{"CODEOWNERS": "/apps/ @a\n"}, "apps/x|apps/x/y", "app/x|x/apps/y|apps"},
		"one line for all, with a mail address and a comment": {
			files{"CODEOWNERS": "* ops@acme.example # and who else?\n"}, "a|a/b", ""},
		"the last that fits counts":            {files{"CODEOWNERS": "* @a\n/apps/x/\n"}, "apps/y", "apps/x/y"},
		"one that cannot be read does not":     {files{"CODEOWNERS": "* @a\n/apps/x/ b\n"}, "apps/x/y", ""},
		"stars stop at a slash":                {files{"CODEOWNERS": "/apps/* @a\n"}, "apps/y", "apps/x/y"},
		"two do not":                           {files{"CODEOWNERS": "/apps/** @a\n"}, "apps/y|apps/x/y", "y"},
		"a name anywhere":                      {files{"CODEOWNERS": "*.yaml @a\n"}, "a.yaml|b/a.yaml", "b/a.yml"},
		"the placeholder is nobody":            {files{"CODEOWNERS": "* @OWNERS\n"}, "", "a"},
		"an owner without @ is nobody":         {files{"CODEOWNERS": "* a/b\n"}, "", "a"},
		"nor is one of several":                {files{"CODEOWNERS": "* @a/b c\n"}, "", "a"},
		"nor a comment":                        {files{"CODEOWNERS": "* # @a\n# * @a\n"}, "", "a"},
		"a slash alone is nothing":             {files{"CODEOWNERS": "/ @a\n"}, "", "a"},
		"an escaped space":                     {files{"CODEOWNERS": "/my\\ apps/ @a\n"}, "my apps/x", "my/x"},
		"GitHub's own folder comes first":      {files{".github/CODEOWNERS": "/a @a\n", "CODEOWNERS": "* @a\n"}, "a", "b"},
		"a section's owners":                   {files{"CODEOWNERS": "[Fleet][2] @a\n/a\n/b @c\n"}, "a|b", "c"},
		"an optional section waits for nobody": {files{"CODEOWNERS": "^[Fleet] @a\n*\n"}, "", "a"},
		"each section counts": {
			files{"CODEOWNERS": "[Fleet] @a\n*\n[Docs]\n/b @c\n/b\n[fleet] @d\n!/x\n"}, "a|b", "x"},
		"GitHub has no sections": {files{".github/CODEOWNERS": "[Fleet] @a\n/a\n"}, "", "a"},
		"Gitea reads expressions of the whole": {
			files{".gitea/CODEOWNERS": "apps/.* @a\n/b/ @a\nc.yaml @a\n"}, "apps/x/y|c.yaml", "apps|b/x|d/c.yaml"},
		"as Forgejo does, where its folder is": {
			files{"CODEOWNERS": "/apps/ @a\n", ".forgejo/workflows": "", ".forgejo/x": ""}, "", "apps/x"},
		"an expression turned round": {files{".gitea/CODEOWNERS": "!docs/.* @a\n"}, "apps/x", "docs/x"},
		"a backslash is Gitea's":     {files{".gitea/CODEOWNERS": "c\\\\+/.* @a # b\nd#e @a\n"}, "c+/x", "cc/x|d"},
		"an expression of nobody":    {files{".gitea/CODEOWNERS": ".*\n.* @OWNERS\n( @a\n"}, "", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			file := owners.Find(test.in)
			for i, list := range []string{test.own, test.open} {
				for one := range strings.SplitSeq(list, "|") {
					if one != "" && file.Own(one) != (i == 0) {
						t.Errorf("%q is guarded: %v", one, i != 0)
					}
				}
			}
		})
	}
	if owners.Find(files{"a": ""}) != nil {
		t.Error("there is a file where there is none")
	}
}

// TestALineGuardsAtTheForgeThatItIsFor: and the lines for nobody in particular at all of them.
func TestALineGuardsAtTheForgeThatItIsFor(t *testing.T) {
	const gitea, github = ".gitea/CODEOWNERS", ".github/CODEOWNERS"
	for of, file := range map[string]string{"/apps/": "apps/x/y", "/fleet.yaml": "fleet.yaml", "/c++/": "c++/x"} {
		for forges, read := range map[owners.Forges][]string{
			owners.Anybody: {gitea, github}, owners.WithPatterns: {github}, owners.WithExpressions: {gitea},
		} {
			text := owners.Lines(of, []string{"@a", "@b"}, forges)
			for _, place := range read {
				if !owners.Find(files{place: text}).Own(file) {
					t.Errorf("%q does not guard %s at %s", text, file, place)
				}
			}
		}
	}
}

func TestWhatIsOpenIsToldByFolders(t *testing.T) {
	got := owners.Open([]string{"a/b/c", "a/b/d", "a/e", "f", "g/h/i", "g/h/j"}, func(file string) bool {
		return slices.Contains([]string{"a/e", "g/h/j"}, file)
	})
	if diff := cmp.Diff([]string{"/a/b/", "/f", "/g/h/i"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
