package wire

import "github.com/bulla-dev/bulla/kustomize/workload"

// What stands in an object as JSON has it.

func mapAt(value any, path ...string) map[string]any {
	m, _ := workload.At(value, path...).(map[string]any)
	return m
}

func textAt(value any, path ...string) string {
	s, _ := workload.At(value, path...).(string)
	return s
}

func listAt(value any, key string) []any {
	l, _ := workload.At(value, key).([]any)
	return l
}

func annotation(object map[string]any, key string) string {
	return textAt(object, "metadata", "annotations", key)
}

func built(object map[string]any) string {
	return textAt(object, "kind") + " " + textAt(object, "metadata", "name")
}

// plain is a value with the types that JSON has: numbers are float64.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		m := map[string]any{}
		for key, item := range value {
			m[key] = plain(item)
		}
		return m
	case []any:
		l := make([]any, len(value))
		for i, item := range value {
			l[i] = plain(item)
		}
		return l
	case int64:
		return float64(value)
	}
	return value
}
