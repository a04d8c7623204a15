package values

import (
	"strings"
	"testing"
)

// TestNotesAreOfTextAndShowNoValue: what is no text has no line ends and no quotes,
// whatever its bytes: a keystore that is told of them would be "mended".
func TestNotesAreOfTextAndShowNoValue(t *testing.T) {
	for name, c := range map[string]struct{ value, want string }{
		"text":                            {"s3cret", ""},
		"a line":                          {"s3cret\n", "is one line that ends with a newline"},
		"lines":                           {"s3cret\nmore\n", ""},
		"Windows":                         {"s3cret\r\nmore", "line ends of Windows"},
		"in quotes":                       {`"s3cret"`, "is in quotes"},
		"a mark of UTF-8":                 {"\xef\xbb\xbfs3cret", "begins with a UTF-8 byte order mark"},
		"UTF-16":                          {"\xff\xfes\x003\x00", "is UTF-16 text with a byte order mark"},
		"UTF-16, the other way":           {"\xfe\xff\x00s\x003", "is UTF-16 text with a byte order mark"},
		"a keystore with a line end":      {"\xfe\xed\xfe\xeds3cret\r\n\x00\n", ""},
		"bytes and a newline":             {"s3cret\x80\x81\n", ""},
		"a NUL and a newline":             {"s3cret\x00\n", ""},
		"bytes in quotes":                 {"'s3cret\xff'", ""},
		"bytes after a mark of UTF-8":     {"\xef\xbb\xbf\x00\xff\r\n", "begins with a UTF-8 byte order mark"},
		"a gzip":                          {"\x1f\x8b\x08\x00s3cret\r\n\n", ""},
		"DER with an odd byte at its end": {"0\x82\x01\n", ""},
		"nothing":                         {"", ""},
		"one newline":                     {"\n", "is one line that ends with a newline"},
		"one quote":                       {`"`, ""},
	} {
		var got []string
		for _, note := range (Set{"key": []byte(c.value)}).Notes() {
			if note.Key != "key" || strings.Contains(note.Text, "s3cret") {
				t.Errorf("%s: note of %s: %s", name, note.Key, note.Text)
			}
			got = append(got, note.Text)
		}
		if all := strings.Join(got, "; "); (all == "") != (c.want == "") || !strings.Contains(all, c.want) || len(got) > 1 {
			t.Errorf("%s: %q, want %q", name, all, c.want)
		}
	}
}
