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

// RemoveText returns the file without a plain text in the list of texts at a path of
// mapping keys; the same file where the list does not have it. The last one stays: what
// a list of nothing means is not for a text to say.
func RemoveText(data []byte, text string, at ...string) ([]byte, error) {
	node, _, _, err := lookup(data, at...)
	if err != nil || node == nil || node.Kind != yaml.SequenceNode {
		return data, err
	}
	for i, item := range node.Content {
		if path.Clean(item.Value) != path.Clean(text) {
			continue
		}
		if len(node.Content) == 1 {
			return nil, ErrShape
		}
		if node.Style&yaml.FlowStyle == 0 {
			s, err := Find(data, at...)
			if err != nil {
				return nil, err
			}
			return s.Remove(i), nil
		}
		return removeFlow(data, node, i)
	}
	return data, nil
}

// removeFlow takes an item of a flow list out, with the comma beside it.
func removeFlow(data []byte, list *yaml.Node, i int) ([]byte, error) {
	t := split(data)
	item := list.Content[i]
	from := t.offset(item.Line, item.Column)
	to := from + len(item.Value)
	if to > len(data) || string(data[from:to]) != item.Value {
		return nil, ErrShape // in quotes, or over several lines
	}
	from, to = flowHole(data, from, to)
	return splice(data, from, to, ""), nil
}
