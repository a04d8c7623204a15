package fleet

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// lineOf gives the line of a field, or of the nearest parent that is there; 0 for
// none. It looks for it when it is asked: lines of all fields would be kept for
// files without a mistake.
func lineOf(node *yaml.Node, field string) int {
	switch node.Kind {
	case yaml.MappingNode:
		return lineInMapping(node, field)
	case yaml.SequenceNode:
		return lineInSequence(node, field)
	}
	return 0
}

// lineInMapping tries every key that the field may begin with: keys have dots.
func lineInMapping(node *yaml.Node, field string) int {
	nearest := 0
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		rest, ok := strings.CutPrefix(field, key.Value)
		switch {
		case !ok:
			continue
		case rest == "":
			return key.Line
		case rest[0] == '.', rest[0] == '[':
			if line := lineOf(value, strings.TrimPrefix(rest, ".")); line > 0 {
				return line
			}
			nearest = key.Line
		}
	}
	return nearest
}

func lineInSequence(node *yaml.Node, field string) int {
	index, rest, ok := strings.Cut(strings.TrimPrefix(field, "["), "]")
	i, err := strconv.Atoi(index)
	if !ok || err != nil || i < 0 || i >= len(node.Content) {
		return 0
	}
	item := node.Content[i]
	if rest = strings.TrimPrefix(rest, "."); rest != "" {
		if line := lineOf(item, rest); line > 0 {
			return line
		}
	}
	return item.Line
}
