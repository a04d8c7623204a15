package yamltext

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Sequence is the text of one sequence in a file, in block or flow style.
type Sequence struct {
	data  []byte
	flow  bool
	spans []span
	dash  int // column of the dashes in block style, from zero
	after int // offset just after the last item
}

// span is the text of one item. In block style it is whole lines, from the
// dash on; in flow style the item alone.
type span struct{ from, to int }

// Find returns the sequence at a path of mapping keys; the key of an item of a
// sequence is its index, from zero. The sequence must not be empty.
func Find(data []byte, path ...string) (*Sequence, error) {
	node, _, _, err := lookup(data, path...)
	if err != nil {
		return nil, err
	}
	if node == nil || node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
		return nil, fmt.Errorf("%w: %q is no list with items", ErrShape, strings.Join(path, "."))
	}
	s := &Sequence{data: data, flow: node.Style&yaml.FlowStyle != 0}
	if s.flow {
		err = s.findFlow(node)
	} else {
		err = s.findBlock(node)
	}
	if err != nil {
		return nil, err
	}
	s.after = s.spans[len(s.spans)-1].to
	return s, nil
}

func (s *Sequence) findBlock(node *yaml.Node) error {
	t := split(s.data)
	s.dash = node.Column - 1
	for i, item := range node.Content {
		line := t.lines[item.Line-1]
		if len(line) <= s.dash || line[s.dash] != '-' || strings.TrimSpace(line[:s.dash]) != "" {
			return fmt.Errorf("%w: line %d", ErrShape, item.Line)
		}
		end := blockEnd(t, item.Line, s.dash)
		if i+1 < len(node.Content) && end > node.Content[i+1].Line {
			return fmt.Errorf("%w: line %d", ErrShape, item.Line)
		}
		s.spans = append(s.spans, span{t.offset(item.Line, 1), t.offset(end, 1)})
	}
	return nil
}

func (s *Sequence) findFlow(node *yaml.Node) error {
	t := split(s.data)
	for _, item := range node.Content {
		from := t.offset(item.Line, item.Column)
		n := flowLength(string(s.data[from:]))
		if n == 0 {
			return fmt.Errorf("%w: line %d", ErrShape, item.Line)
		}
		s.spans = append(s.spans, span{from, from + n})
	}
	return nil
}

// flowLength returns the length of the flow mapping that text begins with, 0
// when it is anything else. The mappings edited here hold names only, so
// nested or quoted braces do not occur; a comment inside makes it fail.
func flowLength(text string) int {
	end := strings.IndexByte(text, '}')
	if !strings.HasPrefix(text, "{") || end < 0 || strings.ContainsAny(text[1:end], "{#") {
		return 0
	}
	return end + 1
}

// Item is one item to write: its lines as a block mapping without indentation
// and without the dash.
type Item []string

func (s *Sequence) render(item Item) string {
	if s.flow {
		return "{" + strings.Join(item, ", ") + "}"
	}
	var b strings.Builder
	for i, line := range item {
		lead := "  "
		if i == 0 {
			lead = "- "
		}
		if line == "" {
			b.WriteString("\n")
			continue
		}
		b.WriteString(strings.Repeat(" ", s.dash) + lead + line + "\n")
	}
	return b.String()
}

// Append returns the file with items added after the last one.
func (s *Sequence) Append(items ...Item) []byte {
	var b strings.Builder
	if !s.flow && s.after > 0 && s.data[s.after-1] != '\n' {
		b.WriteString("\n")
	}
	for _, item := range items {
		if s.flow {
			b.WriteString(", ")
		}
		b.WriteString(s.render(item))
	}
	return splice(s.data, s.after, s.after, b.String())
}

// Insert returns the file with an item of a block sequence before item i.
// Comments above item i stay with it.
func (s *Sequence) Insert(i int, item Item) []byte {
	if i >= len(s.spans) {
		return s.Append(item)
	}
	at := s.spans[i].from
	if i > 0 {
		at = s.spans[i-1].to
	}
	return splice(s.data, at, at, s.render(item))
}

// Replace returns the file with item i written anew.
func (s *Sequence) Replace(i int, item Item) []byte {
	return splice(s.data, s.spans[i].from, s.spans[i].to, s.render(item))
}

// Remove returns the file without the items at these indexes. At least one
// item must stay.
func (s *Sequence) Remove(indexes ...int) []byte {
	data := s.data
	for _, i := range slices.Backward(slices.Sorted(slices.Values(indexes))) {
		from, to := s.spans[i].from, s.spans[i].to
		// The comma goes with the item: the one before it, or for the first
		// item the one after. Spans before i are still true, as removal runs
		// backwards; the next item's is not, so it is looked for in the text.
		if s.flow {
			from, to = flowHole(data, from, to)
		}
		data = splice(data, from, to, "")
	}
	return data
}

func flowHole(data []byte, from, to int) (int, int) {
	before := strings.TrimRight(string(data[:from]), " \t\n")
	if strings.HasSuffix(before, ",") {
		return len(before) - 1, to
	}
	rest := string(data[to:])
	trimmed := strings.TrimLeft(rest, " \t\n")
	if after, ok := strings.CutPrefix(trimmed, ","); ok {
		return from, len(data) - len(strings.TrimLeft(after, " \t\n"))
	}
	return from, to
}

// Flow reports whether the sequence is written in flow style, as [a, b].
func (s *Sequence) Flow() bool { return s.flow }

// Line returns the line of item i, counted from one.
func (s *Sequence) Line(i int) int {
	return 1 + strings.Count(string(s.data[:s.spans[i].from]), "\n")
}
