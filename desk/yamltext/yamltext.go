// Package yamltext changes one place of a YAML file and leaves every other
// byte alone.
//
// Files of a fleet are reviewed as diffs: a tool that parses and prints them
// anew reorders keys, drops comments and blank lines, and buries the one line
// that grants something. So positions come from the YAML parser and the change
// is a splice of the text. What a splice made is for the caller to parse again
// and compare with what was meant.
package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrShape reports text in a form that cannot be spliced, such as a block
// sequence whose dash stands alone on its line.
var ErrShape = errors.New("the file is laid out in a way that this command cannot edit")

// lookup returns the value at a path of mapping keys, the mapping it stands
// in, and that mapping's index of the key. value is nil when the last key is
// missing. In a sequence a key is the index of an item, from zero.
func lookup(data []byte, path ...string) (value, parent *yaml.Node, index int, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, nil, 0, errors.New("not valid YAML")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, nil, 0, ErrShape
	}
	value = doc.Content[0]
	for _, key := range path {
		if item, ok := itemOf(value, key); ok {
			value = item
			continue
		}
		if value == nil || value.Kind != yaml.MappingNode {
			return nil, nil, 0, fmt.Errorf("%w: no mapping holds %q", ErrShape, key)
		}
		parent, index, value = value, -1, nil
		for i := 0; i+1 < len(parent.Content); i += 2 {
			if parent.Content[i].Value == key {
				index, value = i, parent.Content[i+1]
			}
		}
	}
	return value, parent, index, nil
}

// LineOf returns the line of the value at a path of mapping keys, 0 when the text
// does not show it.
func LineOf(data []byte, path ...string) int {
	value, _, _, err := lookup(data, path...)
	if err != nil || value == nil {
		return 0
	}
	return value.Line
}

// itemOf returns the item of a sequence at an index.
func itemOf(sequence *yaml.Node, index string) (*yaml.Node, bool) {
	i, err := strconv.Atoi(index)
	if err != nil || sequence == nil || sequence.Kind != yaml.SequenceNode || i < 0 || i >= len(sequence.Content) {
		return nil, false
	}
	return sequence.Content[i], true
}

// text is a file as lines, each with its line end.
type text struct{ lines []string }

func split(data []byte) *text {
	return &text{lines: strings.SplitAfter(string(data), "\n")}
}

// offset of a node position, which counts from one and columns in runes. A line
// past the last one is the end of the file.
func (t *text) offset(line, column int) int {
	n := 0
	for _, l := range t.lines[:min(line-1, len(t.lines))] {
		n += len(l)
	}
	if line > len(t.lines) {
		return n
	}
	runes := 0
	for i := range t.lines[line-1] {
		if runes == column-1 {
			return n + i
		}
		runes++
	}
	return n + len(t.lines[line-1])
}

// splice replaces data[from:to] with with, whose lines end as the file's first does.
func splice(data []byte, from, to int, with string) []byte {
	if first, _, _ := bytes.Cut(data, []byte("\n")); bytes.HasSuffix(first, []byte("\r")) {
		with = strings.ReplaceAll(strings.ReplaceAll(with, "\r\n", "\n"), "\n", "\r\n")
	}
	return bytes.Join([][]byte{data[:from], []byte(with), data[to:]}, nil)
}

// SetScalar sets the plain scalar at path, whose parent mapping must exist in
// block style. value is written as given.
func SetScalar(data []byte, value string, path ...string) ([]byte, error) {
	node, parent, _, err := lookup(data, path...)
	if err != nil {
		return nil, err
	}
	t := split(data)
	if node != nil {
		from := t.offset(node.Line, node.Column)
		if node.Kind != yaml.ScalarNode || !strings.HasPrefix(string(data[from:]), node.Value) {
			return nil, ErrShape
		}
		return splice(data, from, from+len(node.Value), value), nil
	}
	if parent.Style&yaml.FlowStyle != 0 || len(parent.Content) == 0 {
		return nil, ErrShape
	}
	first := parent.Content[0]
	end := t.offset(blockEnd(t, last(parent).Line, first.Column-1), 1)
	line := strings.Repeat(" ", first.Column-1) + path[len(path)-1] + ": " + value + "\n"
	if end > 0 && data[end-1] != '\n' {
		line = "\n" + strings.TrimSuffix(line, "\n") // the file ends as it did
	}
	return splice(data, end, end, line), nil
}

// TakeBack returns the file as it was before [SetScalar] added the entry at path with this
// value. It reports false, and changes nothing, where a person wrote at it too: it is not
// the last of its mapping, or a comment stands beside or above it.
func TakeBack(data []byte, value string, path ...string) ([]byte, bool) {
	node, parent, index, err := lookup(data, path...)
	if err != nil || node == nil || parent == nil || index < 2 || index+2 != len(parent.Content) {
		return data, false
	}
	t := split(data)
	n := parent.Content[index].Line
	if strings.TrimSpace(t.lines[n-1]) != path[len(path)-1]+": "+value ||
		strings.HasPrefix(strings.TrimSpace(t.lines[n-2]), "#") {
		return data, false
	}
	from, to := t.offset(n, 1), t.offset(n+1, 1)
	if data[to-1] != '\n' {
		from = len(bytes.TrimSuffix(bytes.TrimSuffix(data[:from], []byte("\n")), []byte("\r")))
	}
	return splice(data, from, to, ""), true
}

// last returns the deepest last node under n.
func last(n *yaml.Node) *yaml.Node {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n
}

// blockEnd returns the number of the first line after from whose text is
// indented by indent columns or fewer, with comments and blank lines just
// before it given to what follows. Lines count from one.
func blockEnd(t *text, from, indent int) int {
	end := from + 1
	for n := from + 1; n <= len(t.lines); n++ {
		line := t.lines[n-1]
		body := strings.TrimSpace(line)
		if body == "" || strings.HasPrefix(body, "#") {
			continue
		}
		if len(line)-len(strings.TrimLeft(line, " ")) <= indent {
			break
		}
		end = n + 1
	}
	return min(end, len(t.lines)+1)
}
