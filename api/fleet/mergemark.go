package fleet

import (
	"bytes"
	"regexp"
	"slices"
)

// mergeMark is how Git begins, parts and ends the two sides of a conflict. A
// line of seven equal signs alone is no YAML that anybody writes either.
var mergeMark = regexp.MustCompile(`(?m)^(<{7}|\|{7}|>{7})( |$)|^={7}$`)

// mergeMarks are what a line of mergeMark begins with. Nearly no file has any, and
// to look for a text first saves a quarter of the time that a file is read in.
var mergeMarks = [][]byte{[]byte("<<<<<<<"), []byte("|||||||"), []byte(">>>>>>>"), []byte("=======")}

// MergeMark returns the line of the first mark that an unfinished merge left in
// a file. No YAML of one of our kinds has a line like that.
func MergeMark(data []byte) (line int, ok bool) {
	if !slices.ContainsFunc(mergeMarks, func(mark []byte) bool { return bytes.Contains(data, mark) }) {
		return 0, false
	}
	at := mergeMark.FindIndex(data)
	if at == nil {
		return 0, false
	}
	return 1 + bytes.Count(data[:at[0]], []byte("\n")), true
}

// bothSidesHint is for a file that both sides of a merge may stand in.
const bothSidesHint = "; hint: keep one; where a merge kept both sides, begin it again (git checkout --merge FILE)"

// BothSidesProblem is said of a stub in which a merge kept both sides by hand.
const BothSidesProblem = "has values of both sides of a merge in one another" + bothSidesHint

var armorEdge = regexp.MustCompile(`(?m)^[ \t]*-----(BEGIN|END) AGE ENCRYPTED FILE-----[ \t]*$`)

// BothSides returns the line where a payload begins inside of another, or ends
// that did not begin: what is left of a stub when a merge's marks are taken out
// and both sides stay.
func BothSides(data []byte) (line int, ok bool) {
	if !bytes.Contains(data, []byte(" AGE ENCRYPTED FILE-----")) {
		return 0, false
	}
	want := "BEGIN"
	for _, at := range armorEdge.FindAllSubmatchIndex(data, -1) {
		edge := string(data[at[2]:at[3]])
		if edge != want {
			return 1 + bytes.Count(data[:at[2]], []byte("\n")), true
		}
		want = map[string]string{"BEGIN": "END", "END": "BEGIN"}[edge]
	}
	return 0, false
}

// claims is how a file says that it is a stub, where it is no YAML any more: a
// merge leaves its marks in the middle of a file.
var claims = regexp.MustCompile(`(?m)^kind:[ \t]*["']?Sealed(?:Manifest|Reference)\b`)

// ClaimsStub reports whether a file is a stub, or a reference to one, or says so. What
// says so and does not parse is a broken stub, never a file of another kind.
func ClaimsStub(data []byte) bool {
	if _, kind, ok := KindOf(data); ok {
		return kind == KindSealedManifest || kind == KindSealedReference
	}
	return bytes.Contains(data, []byte(Group)) && claims.Match(data)
}
