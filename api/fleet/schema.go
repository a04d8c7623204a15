package fleet

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// wholeNumber is the one spelling of an integer: YAML also has 0x1f, 0o17 and
// 1_000, and readers differ over them.
var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// checkType compares a node with a Go type, so that an unknown field or a
// wrong type is reported with its line and its path, which encoding/json
// cannot do.
func (p *problems) checkType(node *yaml.Node, path string, t reflect.Type) {
	if problem := NodeProblem(node); problem != "" {
		p.addAt(node.Line, path, "%s", problem)
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(unmarshaler):
		p.checkCustom(node, path, t)
	case t.Kind() == reflect.Struct:
		p.checkStruct(node, path, t)
	case t.Kind() == reflect.Map:
		p.checkMapping(node, path, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case t.Kind() == reflect.Slice:
		p.checkSequence(node, path, t)
	case t.Kind() == reflect.Bool:
		if node.Kind != yaml.ScalarNode || node.Tag != "!!bool" {
			p.addAt(node.Line, path, "must be true or false")
		}
	case t.Kind() == reflect.Int64:
		if node.Kind != yaml.ScalarNode || node.Tag != "!!int" || !wholeNumber.MatchString(node.Value) {
			p.addAt(node.Line, path, "must be a whole number")
		}
	case t.Kind() == reflect.String:
		if !isString(node) {
			p.addAt(node.Line, path, "must be a string; put it in quotes")
		}
	default:
		panic(fmt.Sprintf("no rule for fields of type %s", t))
	}
}

// NodeProblem refuses the parts of YAML that make a text mean something else
// than it shows. It says nothing of what is plain.
func NodeProblem(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.AliasNode:
		return "is an alias; write the value itself"
	case node.Anchor != "":
		return "has an anchor; remove it"
	case node.Style&yaml.TaggedStyle != 0:
		return "has an explicit tag; remove it"
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return "is null; remove the field or give it a value"
	}
	return ""
}

// twice is said of a key that stood before.
const twice = "stands twice"

// hinted says what may have put a key there again.
func hinted(problem string) string {
	if problem == twice {
		problem += bothSidesHint
	}
	return problem
}

// asHint ends a problem with what to do, if that is known.
func asHint(hint string) string {
	if hint == "" {
		return ""
	}
	return "; hint: " + hint
}

// KeyProblem refuses what is no key of a mapping, or stood before, as seen has it.
func KeyProblem(key *yaml.Node, seen map[string]bool) string {
	problem := NodeProblem(key)
	switch {
	case problem != "":
		return problem
	case !isString(key):
		return "is not a string key"
	case seen[key.Value]:
		return twice
	}
	seen[key.Value] = true
	return ""
}

// isString admits timestamps: 2026-11-01 is a date to YAML and a name to
// people, and its text is kept as written.
func isString(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && (node.Tag == "!!str" || node.Tag == "!!timestamp")
}

func (p *problems) checkStruct(node *yaml.Node, path string, t reflect.Type) {
	fields := map[string]reflect.Type{}
	collectFields(t, fields)
	p.checkMapping(node, path, func(key string) (reflect.Type, bool) {
		field, ok := fields[key]
		return field, ok
	})
}

func collectFields(t reflect.Type, into map[string]reflect.Type) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case options == "inline":
			collectFields(field.Type, into)
		case name != "" && name != "-":
			into[name] = field.Type
		}
	}
}

func (p *problems) checkMapping(node *yaml.Node, path string, typeOf func(key string) (reflect.Type, bool)) {
	if node.Kind != yaml.MappingNode {
		p.addAt(node.Line, path, "must be a mapping")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := join(path, key.Value)
		if problem := KeyProblem(key, seen); problem != "" {
			p.addAt(key.Line, field, "%s", hinted(problem))
			continue
		}
		t, ok := typeOf(key.Value)
		if !ok {
			hint := ""
			if len(p.list) < maxProblems { // what is not told is not looked up: a file may have many
				hint = asHint(elsewhere(p.kind, field))
			}
			p.addAt(key.Line, field, "is not a field of this kind%s", hint)
			continue
		}
		p.checkType(value, field, t)
	}
}

func (p *problems) checkSequence(node *yaml.Node, path string, t reflect.Type) {
	if node.Kind != yaml.SequenceNode {
		p.addAt(node.Line, path, "must be a list")
		return
	}
	for i, item := range node.Content {
		p.checkType(item, fmt.Sprintf("%s[%d]", path, i), t.Elem())
	}
}

// checkCustom checks a type with its own decoding: anything that is plain
// JSON and that the type accepts.
func (p *problems) checkCustom(node *yaml.Node, path string, t reflect.Type) {
	before := p.count
	p.checkPlain(node, node.Line, &step{key: path})
	if p.count > before {
		return
	}
	if err := decodeJSON(node, reflect.New(t).Interface()); err != nil {
		// Durations are the only ones that refuse anything.
		p.addAt(node.Line, path, "%q is not a duration; write for example 5m30s", clip(node.Value))
	}
}

// checkPlain checks a tree without a Go type: no aliases, tags, nulls,
// duplicate or non-string keys anywhere. line is where the field stands.
func (p *problems) checkPlain(node *yaml.Node, line int, path *step) {
	if problem := NodeProblem(node); problem != "" {
		p.addStep(line, path, problem)
		return
	}
	switch node.Kind {
	case yaml.SequenceNode:
		for i, item := range node.Content {
			p.checkPlain(item, item.Line, &step{parent: path, item: i})
		}
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			field := &step{parent: path, key: key.Value}
			if problem := KeyProblem(key, seen); problem != "" {
				p.addStep(key.Line, field, hinted(problem))
				continue
			}
			p.checkPlain(node.Content[i+1], key.Line, field)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// toJSON turns a checked node into what encoding/json would have read.
func toJSON(node *yaml.Node) (any, error) {
	switch node.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			value, err := toJSON(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			object[node.Content[i].Value] = value
		}
		return object, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(node.Content))
		for _, item := range node.Content {
			value, err := toJSON(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.ScalarNode:
		return scalarToJSON(node)
	}
	return nil, fmt.Errorf("has a node that is neither mapping, list nor scalar")
}

func scalarToJSON(node *yaml.Node) (any, error) {
	if isString(node) {
		return node.Value, nil
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("has an unreadable value in line %d", node.Line)
	}
	if _, err := json.Marshal(value); err != nil {
		return nil, fmt.Errorf("has a value in line %d that JSON does not have", node.Line)
	}
	return value, nil
}
