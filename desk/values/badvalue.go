package values

import (
	"encoding/base64"
	"fmt"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"
)

// badValue finds the value of a Secret manifest that is no text, or no base64
// where it must be, and names its key and line. A key is public in the stub; the
// value is not looked at further than for its type.
func badValue(data []byte) string {
	return firstOf(data, func(member string, key, value *yamlv3.Node) string {
		if problem := problemOf(member, value); problem != "" {
			return fmt.Sprintf("%s.%s (line %d): %s", member, key.Value, value.Line, problem)
		}
		return ""
	})
}

// badKey finds the key of a Secret manifest that no Secret can have. It stands in
// a place for keys, so it is shown.
func badKey(data []byte) string {
	return firstOf(data, func(member string, key, _ *yamlv3.Node) string {
		if len(validation.IsConfigMapKey(key.Value)) > 0 {
			return fmt.Sprintf("%s (line %d): %.60q is no key of a Secret: letters, digits, '-', '_' and '.' only", member,
				key.Line, key.Value)
		}
		return ""
	})
}

// firstOf returns the first problem of the values of a manifest.
func firstOf(data []byte, problem func(member string, key, value *yamlv3.Node) string) string {
	var document yamlv3.Node
	if yamlv3.Unmarshal(data, &document) != nil || len(document.Content) != 1 {
		return ""
	}
	for _, member := range []string{"data", "stringData"} {
		values := memberOf(document.Content[0], member)
		for i := 0; values != nil && values.Kind == yamlv3.MappingNode && i+1 < len(values.Content); i += 2 {
			if text := problem(member, values.Content[i], values.Content[i+1]); text != "" {
				return text
			}
		}
	}
	return ""
}

func memberOf(mapping *yamlv3.Node, name string) *yamlv3.Node {
	for i := 0; mapping.Kind == yamlv3.MappingNode && i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// plainBooleans are words that YAML 1.1, which Kubernetes reads, takes for true
// or false.
var plainBooleans = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true}

func problemOf(member string, value *yamlv3.Node) string {
	switch {
	case value.Kind != yamlv3.ScalarNode:
		return "must be text, not a mapping or a list"
	case value.Tag == "!!null":
		return "has no value"
	case value.Tag != "!!str" && value.Tag != "!!timestamp" && value.Tag != "!!binary",
		value.Style == 0 && plainBooleans[strings.ToLower(value.Value)]:
		return "must be text; put it in quotes"
	}
	if _, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value.Value), "")); member == "data" &&
		err != nil {
		return "must be base64; text as it is goes under stringData"
	}
	return ""
}
