package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// decodeStrict decodes a file into the struct that into points at, as far as it is
// sound, and returns the mistakes of its shape. The reader is the one of the kinds
// in Git, with its bounds, and refuses what deceives who reviews a file.
func decodeStrict(file string, data []byte, into any) (*mistakes, error) {
	root, err := api.ReadDocument(file, data, api.MaxFileSize)
	if wrong := (*api.ParseError)(nil); errors.As(err, &wrong) {
		return nil, &Error{File: file, Line: wrong.Line, Problem: wrong.Problem}
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	m := &mistakes{file: file, lines: fieldLines{}}
	m.checkNode("", root, reflect.TypeOf(into).Elem())
	if err := root.Decode(into); err != nil {
		m.add(1, "", strings.TrimPrefix(err.Error(), "yaml: "), "")
	}
	return m, nil
}

// checkNode holds a node to its type. What is wrong is recorded and made blank, so
// that the rest can be decoded.
func (m *mistakes) checkNode(at string, node *yaml.Node, t reflect.Type) {
	problem, hint := api.NodeProblem(node), ""
	switch {
	case problem != "" && !isEmpty(node):
	case t.Kind() == reflect.Slice:
		problem, hint = m.checkList(at, node, t.Elem())
	case t.Kind() == reflect.Struct:
		problem = m.checkMapping(at, node, t)
	default:
		problem = valueProblem(node, t)
	}
	if problem != "" {
		m.add(node.Line, at, problem, hint)
		*node = blank(t)
	}
}

// blank is nothing of a type. It is no null in a list: the library leaves those out,
// and the elements behind would have another one's number.
func blank(t reflect.Type) yaml.Node {
	switch t.Kind() {
	case reflect.Struct:
		return yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	case reflect.String:
		return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"}
	}
	return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
}

// isEmpty reports whether nothing is written where a value would be: that is the
// default, as if the field were not there.
func isEmpty(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.Value == "" && node.Tag == "!!null" && node.Anchor == "" && node.Style == 0
}

func (m *mistakes) checkMapping(at string, node *yaml.Node, t reflect.Type) (problem string) {
	if node.Kind != yaml.MappingNode {
		return "is not a mapping"
	}
	known, names := fieldsOf(t)
	seen := map[string]bool{}
	var sound []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := strings.TrimPrefix(at+"."+key.Value, ".")
		if problem := api.KeyProblem(key, seen); problem != "" {
			m.add(key.Line, field, problem, "")
			continue
		}
		fieldType, ok := known[key.Value]
		if !ok {
			m.add(key.Line, field, "unknown field", "fields here: "+strings.Join(names, ", "))
			continue
		}
		m.lines[field] = key.Line
		m.checkNode(field, value, fieldType)
		sound = append(sound, key, value)
	}
	node.Content = sound
	return ""
}

func fieldsOf(t reflect.Type) (known map[string]reflect.Type, names []string) {
	known = map[string]reflect.Type{}
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		name := t.Field(i).Tag.Get("yaml")
		known[name] = t.Field(i).Type
		names = append(names, name)
	}
	return known, names
}

// checkList holds each element to its type; element N of a list is the field
// "list[N]".
func (m *mistakes) checkList(at string, node *yaml.Node, t reflect.Type) (problem, hint string) {
	if node.Kind != yaml.SequenceNode {
		return "is not a list", "write it as [a, b]"
	}
	for n, element := range node.Content {
		field := fmt.Sprintf("%s[%d]", at, n)
		m.lines[field] = element.Line
		if isEmpty(element) {
			m.add(element.Line, field, "is empty", "")
			*element = blank(t)
			continue
		}
		m.checkNode(field, element, t)
	}
	return "", ""
}

// valueProblem compares shapes, and text of durations, so that the error names
// the field; the library's own names only a line.
func valueProblem(node *yaml.Node, t reflect.Type) string {
	if node.Kind != yaml.ScalarNode {
		return "is not a single value"
	}
	if err := node.Decode(reflect.New(t).Interface()); err != nil {
		return "is not a " + kindName(t)
	}
	return ""
}

func kindName(t reflect.Type) string {
	if t == reflect.TypeFor[Duration]() {
		return "duration such as 30s or 24h"
	}
	return map[reflect.Kind]string{reflect.Int: "whole number", reflect.String: "text"}[t.Kind()]
}
