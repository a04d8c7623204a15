package yamltext_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/bulla-dev/bulla/desk/yamltext"
)

// edits are what each layout looks like before and after.
var edits = []struct {
	name, before string
	edit         func(*yamltext.Sequence) []byte
	after        string
}{
	{
		name:   "a block sequence grows at its end, before the comment of what follows",
		before: "a:\n- x: 1 # one\n\n# about b\nb: 2\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Append(yamltext.Item{"x: 2", "y: 3"}) },
		after:  "a:\n- x: 1 # one\n- x: 2\n  y: 3\n\n# about b\nb: 2\n",
	},
	{
		name:   "an indented sequence at the end of a file without a line end grows too",
		before: "b: 2\na:\n    - x: 1",
		edit:   func(s *yamltext.Sequence) []byte { return s.Append(yamltext.Item{"x: 2"}) },
		after:  "b: 2\na:\n    - x: 1\n    - x: 2\n",
	},
	{
		name:   "a file with the line ends of Windows keeps them",
		before: "a:\r\n- x: 1\r\nb: 2\r\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Append(yamltext.Item{"x: 2", "y: 3"}) },
		after:  "a:\r\n- x: 1\r\n- x: 2\r\n  y: 3\r\nb: 2\r\n",
	},
	{
		name:   "replacing an item leaves the others and their comments alone",
		before: "a:\n- x: |\n    text\n    # no comment\n- x: 2\n# last\n- x: 3\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Replace(1, yamltext.Item{"x: 9"}) },
		after:  "a:\n- x: |\n    text\n    # no comment\n- x: 9\n# last\n- x: 3\n",
	},
	{
		name:   "items go from the front, the middle and the end of a block sequence",
		before: "a:\n- x: 1\n- x: 2\n- x: 3\n- x: 4\nb: 1\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Remove(0, 2, 3) },
		after:  "a:\n- x: 2\nb: 1\n",
	},
	{
		name:   "a flow sequence grows inside its brackets",
		before: "ä: é\na: [{x: 1}, {x: 2}] # two\nb: 1\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Append(yamltext.Item{"x: 3"}, yamltext.Item{"x: 4"}) },
		after:  "ä: é\na: [{x: 1}, {x: 2}, {x: 3}, {x: 4}] # two\nb: 1\n",
	},
	{
		name:   "items go from the front of a flow sequence with their commas",
		before: "a: [{x: 1}, {x: 2}, {x: 3}]\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Remove(0, 1) },
		after:  "a: [{x: 3}]\n",
	},
	{
		name:   "items go from the middle and the end of a flow sequence over several lines",
		before: "a: [\n  {x: 1},\n  {x: 2},\n  {x: 3},\n]\n",
		edit:   func(s *yamltext.Sequence) []byte { return s.Remove(1, 2) },
		after:  "a: [\n  {x: 1},\n]\n",
	},
}

func TestAnEditChangesOnePlace(t *testing.T) {
	for _, test := range edits {
		t.Run(test.name, func(t *testing.T) {
			sequence, err := yamltext.Find([]byte(test.before), "a")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, string(test.edit(sequence))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestALayoutThatCannotBeSplicedIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"a dash alone on its line":        "a:\n-\n  x: 1\n",
		"an empty sequence":               "a: []\n",
		"no sequence":                     "a: {x: 1}\n",
		"nothing there":                   "b: 1\n",
		"a flow item with a comment":      "a: [{x: 1 # }\n}]\n",
		"a flow item that is no mapping":  "a: [x, y]\n",
		"a block sequence of a sequence":  "a:\n- - x\n  - y\n- z\n",
		"a sequence in a sequence's line": "- a: 1\n",
		"not YAML":                        "a: [\n",
	} {
		t.Run(name, func(t *testing.T) {
			sequence, err := yamltext.Find([]byte(text), "a")
			if err == nil {
				// A nested sequence has dashes of its own in the same line; what
				// counts is that appending stays one list of the outer items.
				var got struct{ A []any }
				if err := yaml.Unmarshal(sequence.Append(yamltext.Item{"x: 1"}), &got); err != nil || len(got.A) != 3 {
					t.Errorf("was edited into %d items, %v", len(got.A), err)
				}
			}
		})
	}
}

func TestAScalarIsSetInPlaceOrAfterTheLastKey(t *testing.T) {
	for _, test := range []struct{ name, before, after string }{
		{"in place", "s:\n  v: false # why\n  w: 1\n", "s:\n  v: true # why\n  w: 1\n"},
		{"after a block scalar", "s:\n  w: |\n    text\n\n# end\n", "s:\n  w: |\n    text\n  v: true\n\n# end\n"},
		{"at the end of a file without a line end", "s:\n  w: 1", "s:\n  w: 1\n  v: true"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := yamltext.SetScalar([]byte(test.before), "true", "s", "v")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if _, err := yamltext.SetScalar([]byte("s: {w: 1}\n"), "true", "s", "v"); !errors.Is(err, yamltext.ErrShape) {
		t.Errorf("a flow mapping was edited: %v", err)
	}
}

func TestWhatWasAddedIsTakenBack(t *testing.T) {
	for _, before := range []string{
		"s:\n  w: 1\n", "s:\n  w: 1", "s:\r\n  w: 1\r\nb: 2\r\n", "s:\r\n  w: 1", "s:\n  w: |\n    text\n\n# about b\nb: 2\n",
		"s:\n    # why\n    w: 1 # one\n    # the end of s\n\n\n",
	} {
		added, err := yamltext.SetScalar([]byte(before), "true", "s", "v")
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := yamltext.TakeBack(added, "true", "s", "v"); !ok || string(got) != before {
			t.Errorf("%q became %q, and then %q", before, added, got)
		}
	}
	for name, text := range map[string]string{
		"nothing there": "s:\n  w: 1\n",
		"another value": "s:\n  w: 1\n  v: false\n", "not the last": "s:\n  v: true\n  w: 1\n",
		"alone": "s:\n  v: true\n", "a comment beside": "s:\n  w: 1\n  v: true # INC-1\n",
		"a comment above": "s:\n  w: 1\n  # INC-1\n  v: true\n", "in a line with others": "s: {w: 1, v: true}\n",
		"no mapping": "s: 1\n", "no YAML": "s: [\n",
	} {
		if got, ok := yamltext.TakeBack([]byte(text), "true", "s", "v"); ok || string(got) != text {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
}

// FuzzEdit feeds text that people may have in a file: nothing may panic.
func FuzzEdit(f *testing.F) {
	for _, test := range edits {
		f.Add([]byte(test.before))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		yamltext.SetScalar(data, "true", "a", "v")
		yamltext.TakeBack(data, "true", "a", "v")
		sequence, err := yamltext.Find(data, "a")
		if err != nil {
			return
		}
		sequence.Append(yamltext.Item{"x: 1"})
		sequence.Replace(0, yamltext.Item{"x: 1"})
		sequence.Remove(0)
		if sequence.Line(0) < 1 {
			t.Error("item 0 stands in no line")
		}
	})
}
