package draft

import (
	"fmt"
	"strings"
	"testing"
)

func shown(d Diff) string {
	var text strings.Builder
	for _, l := range d.Lines {
		text.WriteString(l.Sign + l.Text + "\n")
	}
	return text.String()
}

// TestALineThatStaysIsNotShownAsChanged: between an annotation that is new and ciphertext
// that is another, who looks at it would have to compare each line by themselves.
func TestALineThatStaysIsNotShownAsChanged(t *testing.T) {
	armour := func(last string) string {
		return "    -----BEGIN AGE ENCRYPTED FILE-----\n    " + last + "\n    -----END AGE ENCRYPTED FILE-----\n"
	}
	was := "name: db\nspec:\n  scope: Strict\n  payload: |\n" + armour("aaaaaaaaaaaa")
	is := "name: db\nannotations: {}\nspec:\n  scope: Strict\n  payload: |\n" + armour("bbbbbbbbbbbb")
	want := " name: db\n+annotations: {}\n spec:\n   scope: Strict\n   payload: |\n" +
		"-    (ciphertext … aaaaaaaaaaaa)\n+    (ciphertext … bbbbbbbbbbbb)\n"
	if got := shown(diff("db.yaml", []byte(was), []byte(is))); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// TestLongFilesAreNotComparedLineByLine: who writes one would hold up the console.
func TestLongFilesAreNotComparedLineByLine(t *testing.T) {
	var was, is strings.Builder
	for i := range mostCompared + 1 {
		fmt.Fprintf(&was, "%d\n", i)
		fmt.Fprintf(&is, "%d\n", i/2*2)
	}
	d := diff("long", []byte("a\n"+was.String()+"a\n"), []byte("b\n"+is.String()+"b\n"))
	if len(d.Lines) != mostLines+1 || d.Lines[0].Sign != "-" || d.Lines[mostLines-1].Sign != "-" {
		t.Errorf("%d lines, %v … %v", len(d.Lines), d.Lines[0], d.Lines[len(d.Lines)-1])
	}
}
