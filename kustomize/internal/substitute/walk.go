package substitute

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	api "github.com/bulla-dev/bulla/api/fleet"
)

// walk is one object's way through.
type walk struct {
	values *Values
	sealed bool
	grown  *int
	// problem is the first one, with the last name on the path to it.
	problem, key string
}

// identity is what is called the same on every cluster.
var identity = map[string]bool{
	"apiVersion": true, "kind": true, "metadata.name": true, "metadata.generateName": true, "metadata.namespace": true,
}

// value is a copy with the values in it.
func (w *walk) value(value any, path []string) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if strings.Contains(key, "${") {
				w.fail(path, "has the key %.60q; keys are never substituted; hint: put the value in the text beside it", key)
			}
			out[key] = w.value(value[key], append(path, key))
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = w.value(item, append(path, fmt.Sprintf("[%d]", i)))
		}
		return out
	case string:
		return w.text(value, path)
	}
	return value
}

func (w *walk) text(text string, path []string) string {
	if !strings.Contains(text, "${") || *w.grown > maxGrown {
		return text
	}
	at := where(path)
	switch {
	case w.sealed:
		w.fail(path, "says ${, and the object is built from a stub: nothing is substituted in those; "+
			"hint: write the text itself into the stub's template, or put the value into a ConfigMap")
		return text
	case identity[at]:
		w.fail(path, "says ${: names, namespaces and kinds are never substituted, so that it is known without a cluster "+
			"what is placed; hint: use namePrefix, or a path of its own for the variant")
		return text
	}
	var b strings.Builder
	rest := text
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			b.WriteString(rest)
			break
		}
		if unescaped, escaped := strings.CutSuffix(before, "$"); escaped {
			b.WriteString(unescaped + "${")
			rest = after
			continue
		}
		b.WriteString(before)
		name, behind, closed := strings.Cut(after, "}")
		value, known := w.values.values[name]
		switch {
		case !closed || !api.IsSubstituteName(name):
			w.fail(path, "has ${%.40s, which is no ${NAME}; hint: $${ stands for the text ${; there are no defaults and no "+
				"functions here: a default stands in spec.substitute", name)
		case !known:
			w.fail(path, "says ${%s}, and nothing gives %s: %s", name, name, w.values.names())
		}
		*w.grown += max(0, len(value)-len(name)-len("${}"))
		if *w.grown > maxGrown {
			return text
		}
		b.WriteString(value)
		rest = behind
	}
	return b.String()
}

// names says what there is, names alone.
func (v *Values) names() string {
	const most = 20
	names := slices.Sorted(maps.Keys(v.values))
	if len(names) > most {
		names = append(names[:most], "and more")
	}
	there := "nothing"
	if len(names) > 0 {
		there = strings.Join(names, ", ")
	}
	return fmt.Sprintf("on cluster %q, %s has %s; hint: give it under substitute of the placement or variant, or as a "+
		"label or under spec.values of clusters/%s.yaml", v.cluster, v.given, there, v.cluster)
}

func (w *walk) fail(path []string, format string, args ...any) {
	if w.problem != "" {
		return
	}
	w.problem = where(path) + " " + fmt.Sprintf(format, args...)
	if len(path) > 0 {
		w.key = path[len(path)-1]
	}
}

// where is a path as people write it; what is called with dots is in brackets.
func where(path []string) string {
	var b strings.Builder
	for i, step := range path {
		switch {
		case strings.HasPrefix(step, "["):
			b.WriteString(step)
		case strings.ContainsAny(step, "./"):
			fmt.Fprintf(&b, "[%.80q]", step)
		case i > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return b.String()
}
