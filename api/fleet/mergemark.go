package fleet

import (
	"bytes"
	"regexp"
)

// mergeMark is how Git begins, parts and ends the two sides of a conflict. A
// line of seven equal signs alone is no YAML that anybody writes either.
var mergeMark = regexp.MustCompile(`(?m)^(<{7}|\|{7}|>{7})( |$)|^={7}$`)

// MergeMark returns the line of the first mark that an unfinished merge left in
// a file. No YAML of one of our kinds has a line like that.
func MergeMark(data []byte) (line int, ok bool) {
	at := mergeMark.FindIndex(data)
	if at == nil {
		return 0, false
	}
	return 1 + bytes.Count(data[:at[0]], []byte("\n")), true
}

// claims is how a file says that it is a stub, where it is no YAML any more: a
// merge leaves its marks in the middle of a file.
var claims = regexp.MustCompile(`(?m)^kind:[ \t]*["']?SealedManifest\b`)

// ClaimsStub reports whether a file is a stub, or says so. What says so and does
// not parse is a broken stub, never a file of another kind.
func ClaimsStub(data []byte) bool {
	if _, kind, ok := KindOf(data); ok {
		return kind == KindSealedManifest
	}
	return bytes.Contains(data, []byte(Group)) && claims.Match(data)
}
