package yamltext

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Literal spells the entry of a key whose value is a text, as a literal block
// scalar. The text ends with one line end.
func Literal(key, text string) []string {
	lines := []string{key + ": |"}
	for line := range strings.Lines(text) {
		lines = append(lines, indented("  ", strings.TrimSuffix(line, "\n")))
	}
	return lines
}

// Literals spells the entry of a key whose value is a list of such texts.
func Literals(key string, texts []string) []string {
	lines := []string{key + ":"}
	for _, text := range texts {
		lines = append(lines, "- |")
		for line := range strings.Lines(text) {
			lines = append(lines, indented("  ", strings.TrimSuffix(line, "\n")))
		}
	}
	return lines
}

// indented leaves empty lines empty.
func indented(by, line string) string {
	if line == "" {
		return ""
	}
	return by + line
}

// SetEntry writes the entry at path anew: lines without indentation, the first
// with the key. The mapping that it stands in must be in block style; an entry
// that is not there yet becomes its last.
func SetEntry(data []byte, lines []string, path ...string) ([]byte, error) {
	_, parent, index, err := lookup(data, path...)
	if err != nil {
		return nil, err
	}
	if parent == nil || parent.Style&yaml.FlowStyle != 0 || len(parent.Content) == 0 {
		return nil, ErrShape
	}
	t := split(data)
	indent := parent.Content[0].Column - 1
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(indented(strings.Repeat(" ", indent), line) + "\n")
	}
	if index < 0 {
		end := t.offset(blockEnd(t, last(parent).Line, indent), 1)
		if end > 0 && data[end-1] != '\n' {
			return splice(data, end, end, "\n"+b.String()), nil
		}
		return splice(data, end, end, b.String()), nil
	}
	key := parent.Content[index]
	from, to := t.offset(key.Line, 1), t.offset(entryEnd(t, key.Line, indent), 1)
	if strings.TrimSpace(string(data[from:t.offset(key.Line, key.Column)])) != "" {
		return nil, ErrShape
	}
	return splice(data, from, to, b.String()), nil
}

// entryEnd is blockEnd, but a list may stand as far to the left as its key.
func entryEnd(t *text, from, indent int) int {
	end := blockEnd(t, from, indent)
	for end <= len(t.lines) && strings.HasPrefix(t.lines[end-1], strings.Repeat(" ", indent)+"- ") {
		end = blockEnd(t, end, indent)
	}
	return end
}
