package values

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

var unknownField = regexp.MustCompile(`^json: unknown field "([\w./-]{1,63})"$`)

// badField names the field of a Secret manifest that is unknown or has the wrong
// type, and its line. The decoder's own text may hold the value.
func badField(data []byte, err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Errorf("%s%s: is of the wrong type: it must be %s", wrong.Field, line(data, wrong.Field), typeOf(wrong))
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s%s: is no field of a v1 Secret", m[1], line(data, m[1]))
	}
	return errors.New("a field is unknown or has the wrong type; data must be base64, stringData text")
}

// badMark names the label or annotation that no API server takes, before it is
// blamed on a stub that nobody wrote.
func badMark(data []byte, secret *corev1.Secret) error {
	for _, key := range slices.Sorted(maps.Keys(secret.Labels)) {
		field := "metadata.labels." + key
		if len(validation.IsQualifiedName(key)) > 0 {
			return fmt.Errorf("%s%s: is no name of a label", field, line(data, field))
		}
		if len(validation.IsValidLabelValue(secret.Labels[key])) > 0 {
			return fmt.Errorf("%s%s: is no value of a label: up to 63 letters, digits, '-', '_' and '.'", field,
				line(data, field))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(secret.Annotations)) {
		if field := "metadata.annotations." + key; len(validation.IsQualifiedName(strings.ToLower(key))) > 0 {
			return fmt.Errorf("%s%s: is no name of an annotation", field, line(data, field))
		}
	}
	return nil
}

func typeOf(wrong *json.UnmarshalTypeError) string {
	switch wrong.Type.Kind().String() {
	case "string":
		return "text; put it in quotes"
	case "bool":
		return "true or false"
	case "int64", "int":
		return "a number"
	case "slice":
		return "a list"
	}
	return "a mapping"
}

// line finds a path of keys, or a key at any depth of the manifest.
func line(data []byte, field string) string {
	var document yamlv3.Node
	if yamlv3.Unmarshal(data, &document) != nil || len(document.Content) != 1 {
		return ""
	}
	node := document.Content[0]
	for rest := field; rest != ""; {
		key, after := keyAt(node, rest)
		if key == nil {
			return anywhere(document.Content[0], field[strings.LastIndex(field, ".")+1:])
		}
		if node, rest = after, strings.TrimPrefix(strings.TrimPrefix(rest, key.Value), "."); rest == "" {
			return fmt.Sprintf(" (line %d)", key.Line)
		}
	}
	return ""
}

// keyAt returns the key that a path begins with; keys of labels have dots too.
func keyAt(mapping *yamlv3.Node, path string) (key, value *yamlv3.Node) {
	for i := 0; mapping.Kind == yamlv3.MappingNode && i+1 < len(mapping.Content); i += 2 {
		if name := mapping.Content[i]; path == name.Value || strings.HasPrefix(path, name.Value+".") {
			return name, mapping.Content[i+1]
		}
	}
	return nil, nil
}

func anywhere(node *yamlv3.Node, key string) string {
	for i, child := range node.Content {
		if node.Kind == yamlv3.MappingNode && i%2 == 0 && child.Value == key {
			return fmt.Sprintf(" (line %d)", child.Line)
		}
		if found := anywhere(child, key); found != "" {
			return found
		}
	}
	return ""
}
