package likely

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWhatIsRememberedIsOneFileAsItWas: another byte, path or program is looked through
// again, and so is whatever had something in it, or was not looked through to its end.
func TestWhatIsRememberedIsOneFileAsItWas(t *testing.T) {
	git := t.TempDir()
	if err := os.Mkdir(filepath.Join(git, "bulla"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := OpenClean(git, "p")
	c.Note("a", []byte("text"), Result{})
	for name, of := range map[string]Result{
		"finds": {Finds: []Find{{Rule: "r"}}}, "more": {More: true}, "cut": {Cut: true}, "long": {Long: 1},
	} {
		c.Note(name, []byte("text"), of)
	}
	c.Save()
	again := OpenClean(git, "p")
	if !again.Has("a", []byte("text")) {
		t.Error("what was clean is looked through again")
	}
	for _, name := range []string{"finds", "more", "cut", "long", "b"} {
		if again.Has(name, []byte("text")) {
			t.Errorf("%s is passed over", name)
		}
	}
	if again.Has("a", []byte("texts")) || OpenClean(git, "q").Has("a", []byte("text")) {
		t.Error("another text, or another program's, is passed over")
	}

	var none *Clean
	none.Note("a", nil, Result{})
	if none.Save(); none.Has("a", nil) {
		t.Error("nothing remembers something")
	}
}
