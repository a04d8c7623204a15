package hexid_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// own are the ways in which a file spells an id for itself.
var own = []*regexp.Regexp{
	regexp.MustCompile(`\[0-9a-f\]\{(32|40|64)\}\$`),
	regexp.MustCompile(`"sha256:" \+ hex\.`),
	regexp.MustCompile(`len\(\w+\) [!=]= (40|64)\b`),
	regexp.MustCompile(`"0123456789abcdef"`),
}

// others compare lengths of something else, or read bytes.
var others = map[string]string{
	"api/hexid/hexid.go":            "the one place",
	"controllers/fleetsync/look.go": "which of two formats a hash that was admitted is of",
}

func TestNoOtherPlaceSpellsAnID(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || name == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "fixtures/") ||
			others[filepath.ToSlash(name)] != "":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, form := range own {
			if found := form.Find(text); found != nil {
				t.Errorf("%s spells an id for itself: %s; use api/hexid", name, found)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
