package workload

import "strconv"

// At walks from a value of an object along a path, such as one of [Template]; a number
// goes into a list. It answers nil for what is not there.
func At(value any, path ...string) any {
	for _, step := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
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
	m, _ := At(value, path...).(map[string]any)
	return m
}

func textAt(value any, path ...string) string {
	s, _ := At(value, path...).(string)
	return s
}

func listAt(value any, path ...string) []any {
	l, _ := At(value, path...).([]any)
	return l
}
