package keyservice

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ConfigError names the place of what is wrong in a configuration file.
type ConfigError struct {
	File    string
	Line    int
	Field   string
	Problem string
	// Hint says what to do; it may be empty.
	Hint string
}

func (e *ConfigError) Error() string {
	place := fmt.Sprintf("%s:%d", e.File, e.Line)
	if e.Field != "" {
		place += ":" + e.Field
	}
	return place + ": " + e.Problem
}

// fieldLines gives the line on which a field, named with dots, stands.
type fieldLines map[string]int

func (l fieldLines) of(field string) int {
	for field != "" {
		if line, ok := l[field]; ok {
			return line
		}
		cut := strings.LastIndexByte(field, '.')
		if cut < 0 {
			break
		}
		field = field[:cut]
	}
	return 1
}

// decodeStrict decodes one document into the struct that into points at. The
// decoder of the library stops at the end of the first document and says
// nothing about a second one, which is where somebody would hide an override.
func decodeStrict(file string, data []byte, into any) (fieldLines, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root, second yaml.Node
	if err := decoder.Decode(&root); err != nil {
		return nil, &ConfigError{File: file, Line: 1, Problem: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, &ConfigError{File: file, Line: max(second.Line, 1), Problem: "a second document follows", Hint: "keep one; nothing after --- is read"}
	}
	lines := fieldLines{}
	if err := checkFields(file, "", root.Content[0], reflect.TypeOf(into).Elem(), lines); err != nil {
		return nil, err
	}
	if err := root.Decode(into); err != nil {
		return nil, &ConfigError{File: file, Line: 1, Problem: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	return lines, nil
}

func checkFields(file, at string, node *yaml.Node, t reflect.Type, lines fieldLines) error {
	fail := func(n *yaml.Node, field, problem, hint string) error {
		return &ConfigError{File: file, Line: n.Line, Field: field, Problem: problem, Hint: hint}
	}
	if node.Kind == yaml.AliasNode || node.Anchor != "" {
		return fail(node, at, "anchors and aliases are not read here", "write the value out")
	}
	if t.Kind() == reflect.Slice {
		return checkList(file, at, node, t.Elem(), lines)
	}
	if t.Kind() != reflect.Struct {
		return checkValue(fail, at, node, t)
	}
	if node.Kind != yaml.MappingNode {
		return fail(node, at, "is not a mapping", "")
	}
	known := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		name := t.Field(i).Tag.Get("yaml")
		known[name] = t.Field(i).Type
		names = append(names, name)
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := strings.TrimPrefix(at+"."+key.Value, ".")
		fieldType, ok := known[key.Value]
		if !ok {
			return fail(key, field, "unknown field", "fields here: "+strings.Join(names, ", "))
		}
		if _, twice := lines[field]; twice {
			return fail(key, field, "stands twice", "")
		}
		lines[field] = key.Line
		if err := checkFields(file, field, value, fieldType, lines); err != nil {
			return err
		}
	}
	return nil
}

// checkList holds each element to its type; element N of a list is the field
// "list[N]".
func checkList(file, at string, node *yaml.Node, t reflect.Type, lines fieldLines) error {
	if node.Kind != yaml.SequenceNode {
		return &ConfigError{File: file, Line: node.Line, Field: at, Problem: "is not a list", Hint: "write it as [a, b]"}
	}
	for n, element := range node.Content {
		field := fmt.Sprintf("%s[%d]", at, n)
		lines[field] = element.Line
		if err := checkFields(file, field, element, t, lines); err != nil {
			return err
		}
	}
	return nil
}

// checkValue compares shapes, and text of durations, so that the error names
// the field; the library's own names only a line.
func checkValue(fail func(*yaml.Node, string, string, string) error, at string, node *yaml.Node, t reflect.Type) error {
	if node.Kind != yaml.ScalarNode {
		return fail(node, at, "is not a single value", "")
	}
	target := reflect.New(t).Interface()
	if err := node.Decode(target); err != nil {
		return fail(node, at, "is not a "+kindName(t), "")
	}
	return nil
}

func kindName(t reflect.Type) string {
	if t == reflect.TypeFor[Duration]() {
		return "duration such as 30s or 24h"
	}
	return map[reflect.Kind]string{reflect.Int: "whole number", reflect.String: "text"}[t.Kind()]
}
