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

	// What no run asks for goes; a file that somebody broke counts for nothing.
	other := OpenClean(git, "p")
	other.Note("b", []byte("text"), Result{})
	other.Save()
	if OpenClean(git, "p").Has("a", []byte("text")) {
		t.Error("what nobody asked for is kept")
	}
	file := filepath.Join(git, "bulla", "likely")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if OpenClean(git, "p").Has("b", []byte("text")) {
		t.Error("a broken file counts")
	}
	var none *Clean
	none.Note("a", nil, Result{})
	if none.Save(); none.Has("a", nil) {
		t.Error("nothing remembers something")
	}
}
