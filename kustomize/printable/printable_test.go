package printable_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/bulla-dev/bulla/kustomize/printable"
)

func TestWhatATerminalActsOnIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n": "plain\ttext\n",
		"Größe 日本語 👩‍👩‍👧 می‌خواهم":     "Größe 日本語 👩‍👩‍👧 می‌خواهم", // joiners are how people write
		"\x1b[2K\x1b]0;title\x07":      `\u001b[2K\u001b]0;title\u0007`,
		"one\rtwo\b\x7f\x00":           `one\u000dtwo\u0008\u007f\u0000`,
		"\u009b31m":                    `\u009b31m`, // CSI in one character
		"\x9b31m \xc3":                 `\x9b31m \xc3`,
		"a\u202eb\u2066c\u200fd\u061c": `a\u202eb\u2066c\u200fd\u061c`,
		"line\u2028paragraph\u2029":    `line\u2028paragraph\u2029`,
		"\ufffd stays":                 "\ufffd stays",
	} {
		if got := printable.Text(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
		var out bytes.Buffer
		if _, err := io.Copy(struct{ io.Writer }{printable.Writer(&out)},
			iotest.OneByteReader(strings.NewReader(in+"\n"))); err != nil {
			t.Fatal(err)
		}
		if out.String() != want+"\n" {
			t.Errorf("%q, written byte by byte, became %q", in, out.String())
		}
	}
}

func TestANameIsSeenAsWhatItIs(t *testing.T) {
	for in, want := range map[string]string{
		"apps/Größe 日本語.yaml": "apps/Größe 日本語.yaml",
		"a\nb\tc":             `a\u000ab\u0009c`,
		"pay\u202e.yaml":      `pay\u202e.yaml`,
		"pay\u200dments":      `pay\u200dments`,
		"a\u200b\ufeff\xff":   `a\u200b\ufeff\xff`,
		"\U000e0041":          `\udb40\udc41`, // a tag, which no program shows
	} {
		if got := printable.Name(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestProductIsUnchanged(t *testing.T) {
	var out bytes.Buffer
	value := "\x1b\x00\xff"
	if _, err := io.WriteString(printable.Product(printable.Writer(&out)), value); err != nil || out.String() != value {
		t.Errorf("%q arrived (%v)", out.String(), err)
	}
}

// FuzzText holds that nothing harmful is left, that a text stays as it is then, and
// that JSON stays the same document.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "\x1b[31m", "\u202e", "\xff", "é\xc3", "a\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got := printable.Text(in)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\u009b\u202e\u2066\u2028") {
			t.Errorf("%q became %q", in, got)
		}
		if again := printable.Text(got); again != got {
			t.Errorf("%q became %q, and that %q", in, got, again)
		}
		document, err := json.Marshal(in)
		if err != nil {
			return
		}
		var before, after string
		if err := json.Unmarshal(document, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(printable.Text(string(document))), &after); err != nil || after != before {
			t.Errorf("the document %s became another (%v)", document, err)
		}
	})
}
