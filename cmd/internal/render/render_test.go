package render_test

import (
	"strings"
	"testing"

	"github.com/bulla-dev/bulla/cmd/internal/render"
)

// TestATableIsWhatItLooksLike holds texts of others, of a key service say, to
// their cell.
func TestATableIsWhatItLooksLike(t *testing.T) {
	var out strings.Builder
	table := render.Table{Header: []string{"NAME", "STATE"}, Rows: [][]string{
		{"db\x1b[2Jx", "In\tUse"}, {"a\nb", ""}, {"r\u202eev", "é 日"},
	}}
	if err := render.Text.Print(&out, nil, table); err != nil {
		t.Fatal(err)
	}
	want := "NAME     STATE\ndb[2Jx   InUse\nab       -\nrev      é 日\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
