package fleet

import (
	"strings"
	"testing"
)

// A file is looked through for a text first. That must find what the expression
// finds, wherever it stands, and must not be taken for it.
func TestMergeMarksAreFoundWhereTheyStand(t *testing.T) {
	for _, mark := range []string{"<<<<<<< ours", "||||||| base", ">>>>>>> theirs", "=======", "<<<<<<<"} {
		for before := range 3 {
			data := []byte(strings.Repeat("key: value\n", before) + mark + "\nkey: value\n")
			if line, ok := MergeMark(data); !ok || line != before+1 {
				t.Errorf("%q in line %d: found %v in line %d", mark, before+1, ok, line)
			}
		}
	}
	for _, text := range []string{"", "a: <<<<<<< b", "a: =======\n", "======== \n", "<<<<<<<b\n", "<<<<<< b\n"} {
		if line, ok := MergeMark([]byte(text)); ok {
			t.Errorf("%q is no mark, found in line %d", text, line)
		}
	}
}
