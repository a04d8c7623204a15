package yamltext

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// AppendText returns the file with a plain text added to the list of texts at a
// path of mapping keys, in the style of the list; a list that is missing is
// written. A list that has the text, as a path or another spelling of it, stays.
func AppendText(data []byte, text string, at ...string) ([]byte, error) {
	node, parent, _, err := lookup(data, at...)
	if err != nil {
		return nil, err
	}
	key := at[len(at)-1]
	switch {
	case node == nil && parent == nil:
		return nil, ErrShape
	case node == nil, node.Tag == "!!null":
		return SetEntry(data, []string{key + ":", "- " + text}, at...)
	case node.Kind != yaml.SequenceNode:
		return nil, ErrShape
	}
	for _, item := range node.Content {
		if path.Clean(item.Value) == path.Clean(text) {
			return data, nil
		}
	}
	if node.Style&yaml.FlowStyle == 0 {
		s, err := Find(data, at...)
		if err != nil {
			return nil, err
		}
		return s.Append(Item{text}), nil
	}
	return appendFlow(data, node, text)
}

// appendFlow writes before the bracket that closes the list.
func appendFlow(data []byte, list *yaml.Node, text string) ([]byte, error) {
	t := split(data)
	from := t.offset(list.Line, list.Column)
	if n := len(list.Content); n > 0 {
		from = t.offset(list.Content[n-1].Line, list.Content[n-1].Column)
		from += len(list.Content[n-1].Value)
		text = ", " + text
	}
	end := strings.IndexByte(string(data[from:]), ']')
	if end < 0 || strings.ContainsAny(string(data[from:from+end]), "#\n") {
		return nil, ErrShape
	}
	at := len(strings.TrimRight(string(data[:from+end]), " ,"))
	return splice(data, at, from+end, text), nil
}
