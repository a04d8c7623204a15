package yamltext_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulla-dev/bulla/desk/yamltext"
)

func TestAnEntryIsWrittenAnewAndTheRestStays(t *testing.T) {
	text := yamltext.Literal("signature", "one\n\n— two\n")
	list := yamltext.Literals("notes", []string{"a\n", "b\n\nc\n"})
	for _, test := range []struct {
		name, file string
		lines      []string
		path       []string
		want       string
	}{
		{"a literal", "spec:\n  # why\n  signature: |\n    old\n\n    old\n  # after\n  next: 1\n", text,
			[]string{"spec", "signature"},
			"spec:\n  # why\n  signature: |\n    one\n\n    — two\n  # after\n  next: 1\n"},
		{"a plain text at the end of the file", "spec:\n  a: 1\n  signature: old", text, []string{"spec", "signature"},
			"spec:\n  a: 1\n  signature: |\n    one\n\n    — two\n"},
		{"a text in quotes over two lines", "spec:\n  signature: \"old\n    old\"\n  b: 2\n", text,
			[]string{"spec", "signature"},
			"spec:\n  signature: |\n    one\n\n    — two\n  b: 2\n"},
		{"an entry that is not there", "spec:\n  a: 1 # one\nother: 2\n", list, []string{"spec", "notes"},
			"spec:\n  a: 1 # one\n  notes:\n  - |\n    a\n  - |\n    b\n\n    c\nother: 2\n"},
		{"a list as far to the left as its key", "spec:\n  notes:\n  - |\n    x\n  - |\n    y\n  b: 2\n", list,
			[]string{"spec", "notes"},
			"spec:\n  notes:\n  - |\n    a\n  - |\n    b\n\n    c\n  b: 2\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := yamltext.SetEntry([]byte(test.file), test.lines, test.path...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnEntryOfAFlowMappingIsNotWritten(t *testing.T) {
	for _, file := range []string{"spec: {signature: old}\n", "{spec: {signature: old}}\n", "spec: 1\n"} {
		if _, err := yamltext.SetEntry([]byte(file), yamltext.Literal("signature", "x\n"), "spec",
			"signature"); !errors.Is(err, yamltext.ErrShape) {
			t.Errorf("%q: %v, want ErrShape", file, err)
		}
	}
}
