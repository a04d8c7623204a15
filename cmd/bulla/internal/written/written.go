// Package written finds where in a file of YAML a field is written.
package written

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Text is the text of one file.
type Text struct {
	data      []byte
	lines     [][]byte
	documents []*yaml.Node
}

// Of is the text of a file, YAML as far as it goes.
func Of(data []byte) *Text { return &Text{data: data} }

func (w *Text) read() {
	if w.lines == nil {
		w.lines = bytes.Split(w.data, []byte("\n"))
		w.documents = Documents(w.data)
	}
}

// Line is that of a field or of the nearest parent that is written; 0 where none is.
func (w *Text) Line(field string) int {
	w.read()
	for ; field != ""; field = field[:max(0, strings.LastIndexAny(field, ".["))] {
		for _, document := range w.documents {
			if at := fieldAt(document, field); at != nil {
				return at.Line
			}
		}
	}
	return 0
}

// Column counts bytes from 1; 0 where the file has no such line.
func (w *Text) Column(line int, field string) int {
	w.read()
	if line > len(w.lines) {
		return 0
	}
	text := w.lines[line-1]
	for _, document := range w.documents {
		if at := fieldAt(document, field); at != nil && at.Line == line && at.Column > 0 {
			return byteOf(text, at.Column)
		}
	}
	return len(text) - len(bytes.TrimLeft(text, " \t")) + 1
}

// byteOf is the byte at which a character stands: YAML's columns count characters.
func byteOf(text []byte, character int) int {
	n := 0
	for at := range string(text) {
		if n++; n == character {
			return at + 1
		}
	}
	return len(text) + 1
}

// fieldAt finds where a field is written: its key, or its item in a list; nil where it
// is not. Keys have dots, so each that the field may begin with is tried.
func fieldAt(node *yaml.Node, field string) *yaml.Node {
	if field == "" {
		return nil
	}
	if node.Kind == yaml.SequenceNode {
		index, rest, ok := strings.Cut(strings.TrimPrefix(field, "["), "]")
		i, err := strconv.Atoi(index)
		if !ok || err != nil || i < 0 || i >= len(node.Content) {
			return nil
		}
		if rest = strings.TrimPrefix(rest, "."); rest != "" {
			return fieldAt(node.Content[i], rest)
		}
		return node.Content[i]
	}
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		rest, ok := strings.CutPrefix(field, key.Value)
		switch {
		case !ok:
		case rest == "":
			return key
		case rest[0] == '.', rest[0] == '[':
			if at := fieldAt(value, strings.TrimPrefix(rest, ".")); at != nil {
				return at
			}
		}
	}
	return nil
}

// Documents are those of a file, up to the first that is no YAML.
func Documents(data []byte) (all []*yaml.Node) {
	for decoder := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var node yaml.Node
		if decoder.Decode(&node) != nil {
			return all
		}
		if len(node.Content) > 0 {
			all = append(all, node.Content[0])
		}
	}
}
