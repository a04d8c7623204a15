package passed

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWhatIsRememberedIsAsItWas: other parts, parts cut otherwise, another program or another
// name are looked at again; so is what no run asked for, and all of a file that is broken.
func TestWhatIsRememberedIsAsItWas(t *testing.T) {
	git := t.TempDir()
	if err := os.Mkdir(filepath.Join(git, "bulla"), 0o700); err != nil {
		t.Fatal(err)
	}
	a, b := []byte("a"), []byte("b")
	s := Open(git, "n", "p")
	if s.Note(a, b); s.Has(a, b) {
		t.Error("what is not kept yet is passed over")
	}
	s.Save()
	again := Open(git, "n", "p")
	if !again.Has(a, b) {
		t.Error("what had nothing wrong is looked at again")
	}
	if again.Has(a) || again.Has([]byte("ab")) || again.Has(b, a) || Open(git, "n", "q").Has(a, b) ||
		Open(git, "m", "p").Has(a, b) {
		t.Error("something else is passed over")
	}

	other := Open(git, "n", "p")
	other.Note(b)
	other.Save()
	if Open(git, "n", "p").Has(a, b) {
		t.Error("what nobody asked for is kept")
	}
	file := filepath.Join(git, "bulla", "n")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if Open(git, "n", "p").Has(b) {
		t.Error("a broken file counts")
	}
	for _, none := range []*Set{nil, Open("", "n", "p"), Open(git, "n", "")} {
		none.Note(a)
		if none.Save(); none.Has(a) {
			t.Error("nothing remembers something")
		}
	}
}
