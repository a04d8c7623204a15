package wire

import "strconv"

// What stands in an object as JSON has it.

func valueAt(value any, path ...string) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any: // a path of package workload goes through lists by number
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func mapAt(value any, path ...string) map[string]any {
	m, _ := valueAt(value, path...).(map[string]any)
	return m
}

func textAt(value any, path ...string) string {
	s, _ := valueAt(value, path...).(string)
	return s
}

func listAt(value any, key string) []any {
	l, _ := valueAt(value, key).([]any)
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
